"""[keys.NAME.federation], and a configuration without Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.policy import Subject
from freshkey.settings import load
from freshkey.settings.desired_state import desired_state

from tests.settings.files import AUTH, NO_VARIABLES, VAULT, faults, written

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.settings.model import Settings

IDS = """
identity_provider_id = "idp_1"
service_account_id = "svc_acct_1"
"""
OF_VAULT = f'{IDS}vault_oidc_role = "billing"\n'
OF_FILE = f'{IDS}subject = "file"\nsubject_token_file = "token"\n'
WITH_VAULT = f"[vault]\n{VAULT}\n[auth]\n{AUTH}\n"


def key(federation: str = OF_VAULT, options: str = "", name: str = "billing") -> str:
    table = f"[keys.{name}.federation]\n{federation}" if federation else ""
    return f'[keys.{name}]\nsource = "federation"\n{options}\n{table}'


def loaded(directory: Path, text: str) -> Settings:
    return load(written(directory, text), NO_VARIABLES)


def test_vault_vouches(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WITH_VAULT + key())
    billing = settings.keys["billing"]
    assert (billing.subject, settings.uses_vault) == (Subject.VAULT, True)
    assert billing.federation is not None
    assert billing.federation.exchange_url == "https://auth.openai.com/oauth/token"
    assert billing.federation.subject_token_type == "jwt"
    source = desired_state(settings).sources["billing"]
    assert (source.path, source.field) == ("", "")
    assert source.federation is not None
    assert source.federation.subject == "vault:billing"


def test_a_file_vouches_without_vault(tmp_path: Path) -> None:
    settings = loaded(tmp_path, key(OF_FILE))
    assert (settings.uses_vault, settings.auth, settings.vault.address) == (False, None, "")
    wanted = desired_state(settings)
    assert (wanted.origin.address, wanted.policy.uses_vault) == ("", False)
    federation = wanted.sources["billing"].federation
    assert federation is not None
    assert federation.subject == f"file:{tmp_path}/token"


def test_vault_may_stay_while_no_key_needs_it(tmp_path: Path) -> None:
    """So that a reload can revoke what came from there."""
    settings = loaded(tmp_path, WITH_VAULT + key(OF_FILE))
    assert settings.auth is not None
    assert not settings.uses_vault
    assert desired_state(settings).origin.address == "https://vault.example:8200"


def test_another_key_needs_vault(tmp_path: Path) -> None:
    text = key(OF_FILE) + '[keys.search]\npath = "openai/creds/search"\n'
    found = faults(tmp_path, text)
    assert [line.partition(":")[0] for line in found] == [
        "vault.address",
        "auth.secret_id_file",
        "auth.role_id_file",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (key(""), "keys.billing.federation: is missing: add this table, because of source"),
        (
            key(options='path = "openai/creds/billing"'),
            'keys.billing.path: is for source = "vault": remove it',
        ),
        (
            key(options='field = "api_key"'),
            'keys.billing.field: is for source = "vault": remove it',
        ),
        (key(options='ttl = "1h"'), 'keys.billing.ttl: is for source = "vault": remove it'),
        (
            key(IDS),
            (
                'keys.billing.federation.vault_oidc_role: is missing, and subject = "vault" needs '
                "it: set it"
            ),
        ),
        (
            key(f'{IDS}subject = "file"\n'),
            (
                'keys.billing.federation.subject_token_file: is missing, and subject = "file" '
                "needs it: set it"
            ),
        ),
        (
            key(f'{OF_VAULT}subject_token_file = "/x"\n'),
            (
                'keys.billing.federation.subject_token_file: is for subject = "file": remove it, '
                "or change the subject"
            ),
        ),
        (
            key(f'{OF_FILE}vault_oidc_role = "x"\n'),
            (
                'keys.billing.federation.vault_oidc_role: is for subject = "vault": remove it, or '
                "change the subject"
            ),
        ),
        (
            key('service_account_id = "svc"\nvault_oidc_role = "x"\n'),
            "keys.billing.federation.identity_provider_id: is missing, and has no default: set it",
        ),
        (
            key(f'{OF_VAULT}exchange_url = "http://auth.example/oauth/token"\n'),
            (
                "keys.billing.federation.exchange_url: sends tokens over plain http: use https, or "
                "an address of loopback"
            ),
        ),
        (
            key(f'{OF_VAULT}subject_token_type = "saml"\n'),
            (
                'keys.billing.federation.subject_token_type: is "saml", and must be one of jwt, '
                "id_token"
            ),
        ),
        (
            '[keys.billing]\npath = "a/b"\n[keys.billing.federation]\n' + OF_VAULT,
            'keys.billing.federation: needs source = "federation": set that, or remove it',
        ),
        ("[keys.billing]\n", "keys.billing.path: is missing, and has no default: set it"),
        (
            '[keys.billing]\nsource = "openai"\npath = "a/b"\n',
            'keys.billing.source: is "openai", and must be one of vault, federation',
        ),
    ],
)
def test_what_is_missing_or_contradicts_is_one_clear_fault(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert faults(tmp_path, WITH_VAULT + text) == [fault]


def test_an_emulator_of_this_machine(tmp_path: Path) -> None:
    text = key(f'{OF_VAULT}exchange_url = "http://127.0.0.1:8080/oauth/token"\n')
    federation = loaded(tmp_path, WITH_VAULT + text).keys["billing"].federation
    assert federation is not None
    assert federation.exchange_url == "http://127.0.0.1:8080/oauth/token"
