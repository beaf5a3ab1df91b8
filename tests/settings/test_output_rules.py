"""What the agent makes takes nothing else's place: neither an input's, nor its own journal's."""

from pathlib import Path

import pytest
from freshkey.settings import load

from tests.settings.files import AUTH, FEDERATION, NO_VARIABLES, VAULT, config, faults, written

FILE = "keys.billing.files[0].path"
GATEWAY = '[gateway]\nsocket = "openai.sock"\n[[gateway.clients]]\ntoken_file = "input"'


def written_to(path: str) -> str:
    return f'files = [{{path = "{path}"}}]'


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"auth": 'role_id = "r"\nsecret_id_file = "input"'}, "auth.secret_id_file"),
        ({"auth": 'role_id_file = "input"\nsecret_id_file = "s"'}, "auth.role_id_file"),
        ({"auth": 'method = "token"\ntoken_file = "input"'}, "auth.token_file"),
        ({"vault": f'{VAULT}\nca_file = "input"'}, "vault.ca_file"),
        ({"vault": f'{VAULT}\nclient_cert_file = "input"'}, "vault.client_cert_file"),
        ({"more": '[log]\naudit_file = "input"'}, "log.audit_file"),
        ({"more": '[state]\ndirectory = "input"'}, "state.directory"),
        ({"more": GATEWAY}, "gateway.clients[0].token_file"),
        (
            {"more": '[[keys.billing.hooks]]\nsignal = "HUP"\npid_file = "input"'},
            "keys.billing.hooks[0].pid_file",
        ),
        (
            {
                "more": '[[keys.other.files]]\npath = "k"\nformat = "template"\n'
                'template_file = "input"\n[keys.other]\npath = "p"'
            },
            "keys.other.files[0].template_file",
        ),
        ({"more": FEDERATION}, "keys.federated.federation.subject_token_file"),
    ],
)
def test_a_key_file_in_the_place_of_an_input(
    tmp_path: Path, parts: dict[str, str], name: str
) -> None:
    (told,) = faults(tmp_path, config(key=written_to("x/../input"), **parts))
    assert told == f"{FILE}: is the path of {name} too: use another"
    load(written(tmp_path, config(key=written_to("output"), **parts)), NO_VARIABLES)


def test_an_input_that_a_variable_names(tmp_path: Path) -> None:
    text = config(key=written_to("ca"))
    (told,) = faults(tmp_path, text, {"VAULT_CACERT": f"{tmp_path}/ca"})
    assert told == f"{FILE}: is the path of vault.ca_file too: use another"


def test_nothing_is_written_to_the_configuration_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "is the path of this configuration too: use another"
    assert faults(tmp_path, config(key=written_to("config.toml"))) == [f"{FILE}: {told}"]
    record = '[log]\naudit_file = "config.toml"\nlevel = "loud"'
    assert f"log.audit_file: {told}" in faults(tmp_path, config(more=record))
    monkeypatch.chdir(tmp_path)
    assert faults(Path(), config(key=written_to("./config.toml"))) == [f"{FILE}: {told}"]


@pytest.mark.parametrize(
    ("path", "parts", "told"),
    [
        (
            "state/deep/key",
            {"more": '[state]\ndirectory = "state"'},
            "is in state.directory, which is the agent's own: use another directory",
        ),
        (
            "ca/key",
            {"vault": f'{VAULT}\nca_dir = "ca"'},
            "is in vault.ca_dir, whose files are taken for certificates: use another directory",
        ),
        (
            "secret_id/key",
            {"auth": AUTH},
            "is below auth.secret_id_file, which is a file: use another directory",
        ),
        (
            "config.toml/key",
            {},
            "is below this configuration, which is a file: use another directory",
        ),
        (
            "run",
            {"more": '[state]\ndirectory = "run/freshkey/state"'},
            "is a directory on the way to state.directory: use another path",
        ),
    ],
)
def test_a_key_file_in_the_way(tmp_path: Path, path: str, parts: dict[str, str], told: str) -> None:
    assert faults(tmp_path, config(key=written_to(path), **parts)) == [f"{FILE}: {told}"]


def test_no_output_is_below_another(tmp_path: Path) -> None:
    key = 'files = [{path = "a/b/c"}, {path = "a"}, {path = "ab"}]'
    server = '[server]\nsocket = "a/socket"'
    below = "is below keys.billing.files[1].path, which is a file: use another directory"
    assert faults(tmp_path, config(key=key, more=server)) == [
        f"{FILE}: {below}",
        f"server.socket: {below}",
    ]


def test_a_socket_for_the_agents_own_user_may_be_in_its_directory(tmp_path: Path) -> None:
    more = '[state]\ndirectory = "run"\n[server]\nsocket = "run/freshkey.sock"'
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    assert settings.server.socket.is_relative_to(settings.state.directory)


def test_no_rule_about_a_path_that_is_wrong_itself(tmp_path: Path) -> None:
    text = config(auth='role_id = "r"', key=written_to("stand-in"))
    assert faults(tmp_path, text) == ["auth.secret_id_file: is missing, and has no default: set it"]
