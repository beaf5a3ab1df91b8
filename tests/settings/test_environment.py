from pathlib import Path

import pytest
from freshkey.core.model.secret import Secret
from freshkey.settings import load
from freshkey.settings.auth import TokenAuth

from tests.settings.files import NO_VARIABLES, VAULT, config, faults, written

VARIABLES = {
    "VAULT_ADDR": "https://env.example",
    "VAULT_NAMESPACE": "team/",
    "VAULT_CACERT": "/env/ca.pem",
    "VAULT_CAPATH": "/env/ca",
    "VAULT_CLIENT_CERT": "/env/cert.pem",
    "VAULT_CLIENT_KEY": "/env/key.pem",
    "VAULT_TLS_SERVER_NAME": "env.example",
}
IN_FILE = """
address = "https://file.example"
namespace = "file"
ca_file = "/file/ca.pem"
ca_dir = "/file/ca"
client_cert_file = "/file/cert.pem"
client_key_file = "/file/key.pem"
tls_server_name = "file.example"
"""
TOKEN = "hvs.0123456789"


def test_variables_stand_in_for_what_the_file_leaves_unset(tmp_path: Path) -> None:
    empty = "\n".join(f'{line.split(" =")[0]} = ""' for line in IN_FILE.strip().splitlines())
    for text in ("", empty):
        vault = load(written(tmp_path, config(vault=text)), VARIABLES).vault
        assert vault.address == "https://env.example"
        assert vault.namespace == "team/"
        assert vault.ca_file == Path("/env/ca.pem")
        assert vault.ca_dir == Path("/env/ca")
        assert vault.client_cert_file == Path("/env/cert.pem")
        assert vault.client_key_file == Path("/env/key.pem")
        assert vault.tls_server_name == "env.example"


def test_the_file_wins_over_variables(tmp_path: Path) -> None:
    path = written(tmp_path, config(vault=IN_FILE))
    assert load(path, VARIABLES) == load(path, NO_VARIABLES)


def test_a_file_without_a_vault_table_takes_the_variables(tmp_path: Path) -> None:
    text = config().replace(f"[vault]\n{VAULT}\n", "")
    assert load(written(tmp_path, text), VARIABLES).vault.address == "https://env.example"


def test_an_empty_variable_is_unset(tmp_path: Path) -> None:
    empty = dict.fromkeys(VARIABLES, "")
    assert load(written(tmp_path, config()), empty) == load(written(tmp_path, config()), {})
    assert faults(tmp_path, config(vault=""), empty) == [
        "vault.address: is missing: set it, or the variable VAULT_ADDR"
    ]


def test_a_relative_path_in_a_variable_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    vault = load(written(tmp_path, config()), {"VAULT_CACERT": "ca.pem"}).vault
    assert vault.ca_file == elsewhere / "ca.pem"


def test_a_fault_names_the_variable_that_it_comes_from(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, config(vault=""), {"VAULT_ADDR": "https:// vault"})
    assert found == (
        "vault.address: has a space at character 9 of 14, and must be a word of ASCII characters, "
        "without spaces (from VAULT_ADDR)"
    )


def test_a_token_comes_from_its_variable(tmp_path: Path) -> None:
    path = written(tmp_path, config(auth='method = "token"'))
    settings = load(path, {"VAULT_TOKEN": TOKEN})
    assert settings.auth == TokenAuth(token=Secret(TOKEN))
    assert TOKEN not in repr(settings)


def test_a_token_file_wins_over_the_variable(tmp_path: Path) -> None:
    path = written(tmp_path, config(auth='method = "token"\ntoken_file = "t"'))
    assert load(path, {"VAULT_TOKEN": TOKEN}).auth == TokenAuth(token_file=tmp_path / "t")


def test_a_token_for_another_method_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, config())
    assert load(path, {"VAULT_TOKEN": TOKEN}) == load(path, NO_VARIABLES)


def test_a_token_that_can_be_no_header_is_not_shown(tmp_path: Path) -> None:
    document = config(auth='method = "token"')
    (found,) = faults(tmp_path, document, {"VAULT_TOKEN": f"{TOKEN}\n{TOKEN}"})
    assert found == (
        "auth.token: has a line feed at character 15 of 29, and must be a word of ASCII characters "
        "(from VAULT_TOKEN)"
    )


@pytest.mark.parametrize(("before", "after"), [("", "\n"), ("\ufeff", "\r\n"), (" ", "\xa0")])
def test_white_space_around_a_variable_is_left_out(tmp_path: Path, before: str, after: str) -> None:
    plain = {**VARIABLES, "VAULT_TOKEN": TOKEN}
    padded = {name: f"{before}{value}{after}" for name, value in plain.items()}
    path = written(tmp_path, config(vault="", auth='method = "token"'))
    assert load(path, padded) == load(path, plain)


def test_a_variable_of_white_space_is_unset(tmp_path: Path) -> None:
    blank = dict.fromkeys([*VARIABLES, "VAULT_TOKEN"], " \n")
    assert load(written(tmp_path, config()), blank) == load(written(tmp_path, config()), {})


SKIP = (
    "vault.ca_file: VAULT_SKIP_VERIFY is set, but Vault is always verified: unset it, name the CA "
    "here"
)
BYTES = (
    "vault.ca_file: VAULT_CACERT_BYTES is not read: write what it holds to a file, and name that "
    "here"
)


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "T", "yes"])
def test_a_variable_that_turns_verification_off_is_refused(tmp_path: Path, value: str) -> None:
    assert faults(tmp_path, config(), {"VAULT_SKIP_VERIFY": value}) == [SKIP]


def test_a_ca_in_a_variable_is_refused_unless_a_file_wins_over_it(tmp_path: Path) -> None:
    given = {"VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----"}
    assert faults(tmp_path, config(), given) == [BYTES]
    load(written(tmp_path, config()), {**given, "VAULT_CACERT": "/ca.pem"})


@pytest.mark.parametrize("value", ["", "0", "false", "F"])
def test_a_variable_that_leaves_verification_on(tmp_path: Path, value: str) -> None:
    load(written(tmp_path, config()), {"VAULT_SKIP_VERIFY": value})


def test_without_tls_there_is_nothing_to_verify(tmp_path: Path) -> None:
    path = written(tmp_path, config(vault='address = "http://127.0.0.1:8200"'))
    load(path, {"VAULT_SKIP_VERIFY": "1", "VAULT_CACERT_BYTES": "x"})
