"""Every wrong option of [vault] and [auth] has its line: where, what is wrong, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.settings.files import AUTH, VAULT, config, faults

if TYPE_CHECKING:
    from pathlib import Path

URL = (
    "must be a URL of scheme http or https with a host, and without user, query and fragment, "
    'such as "https://vault.example:8200"'
)
METHODS = "token, approle, kubernetes, jwt, cert, userpass, ldap, aws, gcp, azure"


def test_vault_needs_an_address(tmp_path: Path) -> None:
    assert faults(tmp_path, config(vault="")) == [
        "vault.address: is missing: set it, or the variable VAULT_ADDR"
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('addresses = ["https://a", "b"]', f"addresses[1]: {URL}"),
        ('addresses = "https://a"', "addresses: is a string, and must be an array"),
        ("adress = 1", "adress: is unknown: did you mean address?"),
        ("ca_file = 1", 'ca_file: is an integer, and must be a string: write it as "1"'),
        ("max_mints_per_minute = -1", "max_mints_per_minute: is -1, and must be 0 or more"),
        ('timeout = "0s"', 'timeout: is 0, and must be at least "1s"'),
        (
            "max_mints_per_minute = true",
            "max_mints_per_minute: is a boolean, and must be an integer, without quotes",
        ),
        (
            'client_key_file = "k"',
            "client_cert_file: is missing: client_key_file alone is no use",
        ),
    ],
)
def test_wrong_vault(tmp_path: Path, line: str, fault: str) -> None:
    assert faults(tmp_path, config(vault=f"{VAULT}\n{line}")) == [f"vault.{fault}"]


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        ('method = "kerberos"', f'method: is "kerberos", and must be one of {METHODS}'),
        ("method = 0", f"method: is an integer, and must be one of {METHODS}"),
        (
            'method = "aws"\nsts_region = "example.org/"',
            'sts_region: must be a region of AWS, such as "eu-central-1"',
        ),
        (
            'method = "token"',
            "token_file: is missing: name the token's file, or set the variable VAULT_TOKEN",
        ),
        (
            'method = "token"\ntoken_file = "t"\nrole_id = "x"',
            'role_id: belongs to method "approle": remove it, or change the method',
        ),
        (
            'method = "token"\ntoken_file = "t"\nusername = "x"',
            'username: belongs to method "userpass" or "ldap": remove it, or change the method',
        ),
        (
            'method = "token"\ntoken_file = "t"\ntoken = "hvs.x"',
            "token: is not allowed here: name a file in token_file, or set VAULT_TOKEN",
        ),
        (
            f'{AUTH}\nsecret_id = "hunter2"',
            "secret_id: is not allowed here: put it in a file, and name that in secret_id_file",
        ),
        (
            f'{AUTH}\nrole_id_file = "r"',
            "role_id: is set together with role_id_file: remove one of them",
        ),
        (
            'secret_id_file = "s"',
            "role_id_file: is missing: name the role-id's file, or set role_id",
        ),
        ('role_id = "r"', "secret_id_file: is missing, and has no default: set it"),
        (
            f'{AUTH}\nsecret_id_wrapped = "true"',
            "secret_id_wrapped: is a string, and must be true or false, without quotes",
        ),
    ],
)
def test_wrong_auth(tmp_path: Path, auth: str, fault: str) -> None:
    assert faults(tmp_path, config(auth=auth)) == [f"auth.{fault}"]


def test_method_cert_needs_a_certificate_and_https(tmp_path: Path) -> None:
    vault = 'addresses = ["https://a", "http://b"]'
    assert faults(tmp_path, config(vault=vault, auth='method = "cert"')) == [
        'vault.client_cert_file: is missing: method "cert" logs in with it',
        'vault.addresses[1]: is plain http, which shows no certificate: method "cert" needs https',
    ]
    vault = 'address = "http://a"\nclient_key_file = "k"'
    assert faults(tmp_path, config(vault=vault, auth='method = "cert"')) == [
        "vault.client_cert_file: is missing: client_key_file alone is no use",
        'vault.address: is plain http, which shows no certificate: method "cert" needs https',
    ]
