"""What `check` says of the gateway's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.offline.gateway import gateway_findings, gateway_warnings
from freshkey.preflight.offline.peers import peer_findings
from freshkey.settings import load
from freshkey.settings.faults import rendered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from freshkey.settings.faults import Finding
    from freshkey.settings.model import Settings

CONFIGURATION = """
[vault]
address = "http://127.0.0.1:8200"
[auth]
role_id = "r"
secret_id_file = "secret"
[keys.billing]
path = "p"
[gateway]
tcp = "127.0.0.1:8317"
socket = "openai.sock"
"""


def found(
    directory: Path, clients: str, look: Callable[[Settings], Iterator[Finding]]
) -> list[str]:
    config = directory / "config.toml"
    config.write_text(CONFIGURATION + clients)
    config.chmod(0o600)
    return [f"{rendered(one.place)}: {one.message}" for one in look(load(config, {}))]


def test_every_user_can_connect_over_tcp(tmp_path: Path) -> None:
    (warning,) = found(tmp_path, "[[gateway.clients]]", gateway_warnings)
    assert warning == (
        "gateway.clients[0]: is for everybody, and every user of this machine can connect to "
        "127.0.0.1:8317: name a user, or a token_file"
    )
    for option in ('user = "0"', 'token_file = "token"', 'group = "0"', 'unit = "a.service"'):
        assert not found(tmp_path, f"[[gateway.clients]]\n{option}", gateway_warnings)


def test_what_comes_after_an_entry_for_everybody(tmp_path: Path) -> None:
    clients = '[[gateway.clients]]\n[[gateway.clients]]\nuser = "0"'
    assert found(tmp_path, clients, gateway_warnings)[1] == (
        "gateway.clients[0]: is for everybody, so none after it is used: move it to the end"
    )


def test_a_token_that_can_not_be_read(tmp_path: Path) -> None:
    clients = '[[gateway.clients]]\ntoken_file = "token"'
    (finding,) = found(tmp_path, clients, gateway_findings)
    assert finding == (
        "gateway.clients[0].token_file: can't be read (No such file or directory), and nobody "
        "can use this entry: correct it"
    )
    (tmp_path / "token").write_text("t")
    assert not found(tmp_path, clients, gateway_findings)


def test_names_that_are_unknown(tmp_path: Path) -> None:
    clients = '[[gateway.clients]]\nuser = "nobody-of-this-name"'
    (finding,) = found(tmp_path, clients, peer_findings)
    assert finding == (
        "gateway.clients[0].user: no user 'nobody-of-this-name' on this machine: create it, or "
        "use a numeric id"
    )


def test_tokens_that_can_be_guessed_or_read(tmp_path: Path) -> None:
    clients = '[[gateway.clients]]\ntoken_file = "token"'
    token = tmp_path / "token"
    token.write_text("")
    (finding,) = found(tmp_path, clients, gateway_findings)
    assert finding.endswith("is empty, and nobody can use this entry: put a token there")
    token.write_text("hi")
    token.chmod(0o644)
    assert [one.partition(": ")[2] for one in found(tmp_path, clients, gateway_warnings)] == [
        "can be read by everybody: chmod o-r",
        "has 2 characters, and can be guessed: openssl rand -hex 32",
    ]
    token.write_text("x" * 32)
    token.chmod(0o600)
    assert not found(tmp_path, clients, gateway_warnings)


def test_clients_without_a_gateway(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    text = CONFIGURATION.partition("[gateway]")[0]
    config.write_text(f"{text}[[gateway.clients]]\nuser = '0'\n")
    config.chmod(0o600)
    (warning,) = gateway_warnings(load(config, {}))
    assert warning.message == "have no gateway: name gateway.socket or gateway.tcp"
