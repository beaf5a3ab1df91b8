"""Where the agent is to listen: what stands at the path, and who has the address already."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from freshkey.preflight.online import sockets as sockets_check
from freshkey.preflight.online.sockets import socket_results
from freshkey.settings import load

from testbed.process import ReservedPort
from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SOCKETS = """
[keys.billing.credential]
socket = "{billing}"
[server]
socket = "{server}"
{health}
[gateway]
{tcp}
socket = "{gateway}"
[[gateway.clients]]
user = "root"
"""
FINE = {"server": "freshkey.sock", "gateway": "openai.sock", "billing": "billing.cred"}
PLACES = {
    "server": "server.socket",
    "gateway": "gateway.socket",
    "billing": "keys.billing.credential.socket",
}


def found(
    directory: Path,
    paths: Mapping[str, str] = FINE,
    *,
    agent: int | None = None,
    health: str = "",
    tcp: str = "",
) -> dict[str, tuple[str, str]]:
    addresses = {
        "health": f'health = "{health}"' if health else "",
        "tcp": f'tcp = "{tcp}"' if tcp else "",
    }
    text = config(more=SOCKETS.format(**paths, **addresses))
    settings = load(written(directory, text), NO_VARIABLES)
    results = socket_results(settings, agent)
    return {result.place: (result.outcome.value, result.message) for result in results}


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_every_socket_is_looked_at(tmp_path: Path) -> None:
    with closing(ReservedPort()) as first, closing(ReservedPort()) as second:
        health, tcp = f"127.0.0.1:{first.number}", f"127.0.0.1:{second.number}"
        results = found(tmp_path, health=health, tcp=tcp)
    assert {outcome for outcome, _ in results.values()} == {"fine"}
    assert results.keys() == {*PLACES.values(), "server.health", "gateway.tcp"}
    assert results["gateway.tcp"] == ("fine", f"{tcp} is free")


@pytest.mark.parametrize("which", PLACES)
def test_something_in_a_sockets_place(tmp_path: Path, which: str) -> None:
    (tmp_path / FINE[which]).touch()
    outcome, message = found(tmp_path)[PLACES[which]]
    assert outcome == "failure"
    assert "is there, and is not a socket" in message


@pytest.mark.parametrize("which", PLACES)
def test_a_socket_below_a_file(tmp_path: Path, which: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o600)
    outcome, message = found(tmp_path, FINE | {which: "file/socket"})[PLACES[which]]
    assert (outcome, message) == (
        "failure",
        f"{tmp_path}/file is not a directory: name another path",
    )


def test_an_address_that_is_taken(tmp_path: Path, taken: str) -> None:
    told = f"{taken}: Address already in use: name an address of this machine that is free"
    assert found(tmp_path, health=taken)["server.health"] == ("failure", told)
    assert found(tmp_path, tcp=taken)["gateway.tcp"] == ("failure", told)


def test_an_address_that_the_agent_has(
    tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that runs; another user's program may have a port that was only just configured."""
    fine = ("fine", f"{taken}: the agent listens")
    assert found(tmp_path, health=taken, agent=os.getpid())["server.health"] == fine
    monkeypatch.setattr(sockets_check, "process_user", lambda _: None)
    assert found(tmp_path, health=taken, agent=os.getpid())["server.health"] == fine
    monkeypatch.setattr(sockets_check, "process_user", lambda _: os.geteuid() + 1)
    assert found(tmp_path, health=taken, agent=os.getpid())["server.health"][0] == "failure"


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    """192.0.2.0/24 is for examples, RFC 5737; a running agent could not have it either."""
    outcome, message = found(tmp_path, health="192.0.2.1:9464", agent=os.getpid())["server.health"]
    assert outcome == "failure"
    assert message.startswith("192.0.2.1:9464: Cannot assign requested address: name an address")
