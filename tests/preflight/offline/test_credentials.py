"""Secrets of the agent that others can read or replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline.host import host_warnings
from freshkey.settings import load

from tests.settings.files import AUTH, NO_VARIABLES, VAULT, config, written

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = 'username = "u"\npassword_file = "secret"'
CLIENT = f'{VAULT}\nclient_cert_file = "cert"\nclient_key_file = "secret"'


def warnings(directory: Path, vault: str, auth: str) -> list[str]:
    settings = load(written(directory, config(vault=vault, auth=auth)), NO_VARIABLES)
    return list(map(str, host_warnings(settings)))


@pytest.mark.parametrize(
    ("vault", "auth", "place"),
    [
        (VAULT, 'role_id = "r"\nsecret_id_file = "secret"', "auth.secret_id_file"),
        (VAULT, 'method = "token"\ntoken_file = "secret"', "auth.token_file"),
        (VAULT, f'method = "userpass"\n{PASSWORD}', "auth.password_file"),
        (VAULT, f'method = "ldap"\n{PASSWORD}', "auth.password_file"),
        (CLIENT, AUTH, "vault.client_key_file"),
    ],
)
def test_a_secret_that_is_for_everybody(tmp_path: Path, vault: str, auth: str, place: str) -> None:
    secret = tmp_path / "secret"
    assert warnings(tmp_path, vault, auth) == []
    secret.touch()
    for mode, told in {
        0o660: [],
        0o644: ["can be read by everybody: chmod o-r"],
        0o662: ["can be written by everybody: chmod o-w"],
        0o666: ["can be read and written by everybody: chmod o-rw"],
    }.items():
        secret.chmod(mode)
        assert warnings(tmp_path, vault, auth) == [f"{place}: {message}" for message in told]


def test_a_pods_token_has_the_mode_that_the_platform_gives_it(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    (tmp_path / "token").chmod(0o644)
    auth = 'method = "kubernetes"\nrole = "r"\ntoken_file = "token"'
    assert warnings(tmp_path, VAULT, auth) == []
