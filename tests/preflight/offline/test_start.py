"""What a start would meet, and a reload would not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.offline import start, state
from freshkey.preflight.offline.start import start_faults, start_warnings
from freshkey.settings import load

from tests.settings.files import AUTH, FEDERATION, NO_VARIABLES, VAULT, config, secret_id, written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STATE = '[state]\ndirectory = "state"\nallow_disk = true'
TRUST = f'{VAULT}\nca_file = "ca.pem"'


def found(
    directory: Path,
    vault: str = VAULT,
    auth: str = AUTH,
    environ: Mapping[str, str] = NO_VARIABLES,
) -> tuple[list[str], list[str]]:
    """Return faults and warnings."""
    text = config(vault=vault, auth=auth, more=STATE)
    secret_id(directory)
    settings = load(written(directory, text), environ)
    looks = start_faults(settings), start_warnings(settings)
    faults, warnings = (list(map(str, look)) for look in looks)
    return faults, warnings


def test_a_state_directory_that_is_fine_or_missing(tmp_path: Path) -> None:
    assert found(tmp_path) == ([], [])
    (tmp_path / "state").mkdir(mode=0o700)
    assert found(tmp_path) == ([], [])


@pytest.mark.parametrize("mode", [0o755, 0o1777, 0o710])
def test_a_state_directory_that_is_open_to_others(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    directory.chmod(mode)
    told = f"state.directory: {directory}: is open to others (mode {mode:04o}): chmod 0700 it, or"
    (fault,), warnings = found(tmp_path)
    assert fault.startswith(told)
    assert warnings == []


def test_a_state_directory_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, user = tmp_path / "state", os.geteuid()
    directory.mkdir(mode=0o700)
    settings = load(written(tmp_path, config(more=STATE)), NO_VARIABLES)
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    (fault,) = start_faults(settings)
    assert fault.message.startswith(f"{directory}: belongs to uid {user} and the agent runs as uid")


def test_root_can_not_tell_of_another_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(state, "_is_foreign_to_root", lambda _: True)
    faults, (warned,) = found(tmp_path)
    assert faults == []
    assert warned.startswith(f"state.directory: {directory} belongs to uid {os.geteuid()}: run")


def test_a_file_in_the_place_of_the_state_directory(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    (fault,), warnings = found(tmp_path)
    assert fault.startswith(f"state.directory: {tmp_path}/state: Not a directory: name a path")
    assert warnings == []


def test_files_of_tls_that_are_missing(tmp_path: Path) -> None:
    told = "No such file or directory; it has to be PEM that the agent may read"
    missing = [f"vault.ca_file: {tmp_path}/ca.pem: {told}"]
    assert found(tmp_path, TRUST) == ([], missing)
    assert found(tmp_path, environ={"VAULT_CACERT": f"{tmp_path}/ca.pem"}) == ([], missing)
    _, (warned,) = found(tmp_path, environ={"VAULT_CLIENT_CERT": f"{tmp_path}/cert.pem"})
    assert warned.startswith(f"vault.client_cert_file: {tmp_path}/cert.pem")
    assert found(tmp_path, TRUST.replace("https:", "http:")) == ([], []), "they are not read"


READ_AT_LOGIN = {
    "role_id_file": 'role_id_file = "one"\nsecret_id_file = "secret_id"',
    "secret_id_file": 'role_id = "role"\nsecret_id_file = "one"',
    "token_file": 'method = "token"\ntoken_file = "one"',
    "jwt_file": 'method = "jwt"\njwt_file = "one"',
    "password_file": 'method = "ldap"\nusername = "billing"\npassword_file = "one"',
}
each_file = pytest.mark.parametrize(("option", "auth"), READ_AT_LOGIN.items(), ids=[*READ_AT_LOGIN])


@each_file
def test_a_file_of_the_login_that_is_missing(tmp_path: Path, option: str, auth: str) -> None:
    told = f"auth.{option}: {tmp_path}/one does not exist: put the credential there"
    assert found(tmp_path, auth=auth) == ([], [told])
    (tmp_path / "one").write_text("word")
    assert found(tmp_path, auth=auth) == ([], [])


@each_file
def test_a_file_of_the_login_that_is_none(tmp_path: Path, option: str, auth: str) -> None:
    path = tmp_path / "one"
    path.touch()
    told = f"auth.{option}: {path} is empty: put the credential there"
    assert found(tmp_path, auth=auth) == ([], [told])
    path.unlink()
    os.mkfifo(path)
    told = f"auth.{option}: {path} is not a regular file: give the file with the credential"
    assert found(tmp_path, auth=auth) == ([], [told])


def test_a_password_for_userpass(tmp_path: Path) -> None:
    auth = READ_AT_LOGIN["password_file"].replace("ldap", "userpass")
    _, (warned,) = found(tmp_path, auth=auth)
    assert warned.startswith("auth.password_file: ")


@pytest.mark.parametrize("option", ["secret_id_file", "jwt_file", "password_file"])
def test_a_file_that_a_login_before_may_have_removed(tmp_path: Path, option: str) -> None:
    removes = f"{READ_AT_LOGIN[option]}\nremove_{option} = true"
    assert found(tmp_path, auth=removes) == ([], [])
    (tmp_path / "one").mkdir()
    _, (warned,) = found(tmp_path, auth=removes)
    assert "is not a regular file" in warned


def test_a_wrapped_secret_id_that_was_unwrapped(tmp_path: Path) -> None:
    wrapped = f"{READ_AT_LOGIN['secret_id_file']}\nsecret_id_wrapped = true"
    assert found(tmp_path, auth=wrapped) == ([], [])


def test_a_file_that_the_path_does_not_lead_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _, (warned,) = found(tmp_path, auth='method = "jwt"\njwt_file = "file/one"')
    told = f"can't be read by user {os.geteuid()} (Not a directory): correct its owner or mode"
    assert warned == f"auth.jwt_file: {tmp_path}/file/one {told}"


def test_the_identity_of_a_federated_key(tmp_path: Path) -> None:
    settings = load(written(tmp_path, f"{STATE}\n{FEDERATION}"), NO_VARIABLES)
    assert settings.auth is None, "it needs no Vault"
    told = f"keys.federated.federation.subject_token_file: {tmp_path}/input"
    (warned,) = start_warnings(settings)
    assert str(warned) == f"{told} does not exist: put the credential there"
    (tmp_path / "input").touch()
    (warned,) = start_warnings(settings)
    assert str(warned) == f"{told} is empty: put the credential there"
    (tmp_path / "input").write_text("word")
    assert start_warnings(settings) == ()


def test_a_login_without_a_file(tmp_path: Path) -> None:
    assert found(tmp_path, auth='method = "aws"') == ([], [])
    assert found(tmp_path, auth='method = "token"', environ={"VAULT_TOKEN": "one"}) == ([], [])


@pytest.mark.parametrize("place", ["/run/credentials/absent.service", "/var/run/secrets/absent"])
def test_what_is_passed_to_a_service_later_is_not_missed(tmp_path: Path, place: str) -> None:
    trust = TRUST.replace("ca.pem", f"{place}/ca.pem")
    auth = f'role_id = "role"\nsecret_id_file = "{place}/secret_id"'
    assert found(tmp_path, trust, auth) == ([], [])


def test_what_was_not_passed_with_the_rest_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_PASSED", (tmp_path,))
    _, warnings = found(tmp_path, TRUST, READ_AT_LOGIN["secret_id_file"])
    options = [warned.partition(": ")[0] for warned in warnings]
    assert options == ["vault.ca_file", "auth.secret_id_file"]


def test_the_token_of_a_pod_is_passed_to_it(tmp_path: Path) -> None:
    assert found(tmp_path, auth='method = "kubernetes"\nrole = "billing"') == ([], [])
