"""Who may have a key, with the real agent, readers of several users, and its record of them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import UnixConnection, eventually

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent, Engine

READER, OTHER = 4711, 4712
# Not this test's Python: another user may not reach it.
READ = """
import socket, sys
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect(sys.argv[1])
    if sys.argv[2]:
        sock.sendall(sys.argv[2].encode())
    while data := sock.recv(65536):
        sys.stdout.write(data.decode())
"""
GET = "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as other users")


def read(path: Path, sent: str, uid: int) -> str:
    """What a process of this user reads from a socket to its end."""
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", READ, str(path), sent],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        user=uid,
        group=uid,
        extra_groups=[],
    )
    return done.stdout


def ask(agent: Agent, path: str, uid: int) -> tuple[int, Any]:
    answer = read(agent.directory / "freshkey.sock", GET.format(path), uid)
    head, _, body = answer.partition("\n\n")  # the process's text has plain line ends
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def guarded(make_agent: Callable[..., Agent], tmpfs_path: Path) -> Agent:
    """An agent whose key is for one user, on the socket and on a credential socket."""
    tmpfs_path.chmod(0o755)
    extra = f"""
[server]
mode = "0666"
[log]
audit_file = "audit"
[[keys.billing.allow]]
user = "{READER}"
[keys.billing.credential]
socket = "billing.cred"
mode = "0666"
"""
    agent = make_agent(overlap='"1m"', extra=extra)
    socket_line = '[server]\nsocket = "freshkey.sock"\n'
    text = agent.config.read_text()
    assert socket_line in text
    text = text.replace(socket_line, "").replace("[server]\nmode", f"{socket_line}mode")
    agent.config.write_text(text)
    agent.start()
    eventually(lambda: agent.logged("key.published"), "there is a key")
    return agent


def test_a_key_is_for_those_who_are_named(guarded: Agent, engine: Engine) -> None:
    status, content = ask(guarded, "/v1/keys/billing", READER)
    assert status == 200
    assert engine.works(content["key"])
    for uid in (OTHER, 0):
        status, refused = ask(guarded, "/v1/keys/billing", uid)
        assert (status, refused["code"]) == (403, "peer_not_allowed")
        assert ask(guarded, "/v1/keys", uid) == (200, [])
        assert ask(guarded, "/v1/status", uid)[1]["keys"] == []
    assert [key["name"] for key in ask(guarded, "/v1/keys", READER)[1]] == ["billing"]
    assert len(ask(guarded, "/v1/status", READER)[1]["keys"]) == 1
    got = guarded.command("get", "billing")
    assert (got.returncode, got.stdout, len(got.stderr.splitlines())) == (1, "", 1)
    assert "allow" in got.stderr
    lines = (guarded.directory / "audit").read_text().splitlines()
    reads = [line for line in map(json.loads, lines) if line["event"] == "key.read"]
    assert [(line["uid"], line["outcome"]) for line in reads] == [
        (READER, "served"),
        (OTHER, "peer_not_allowed"),
        (0, "peer_not_allowed"),
        (0, "peer_not_allowed"),
    ]


def test_a_credential_socket_gives_the_key_alone(guarded: Agent, engine: Engine) -> None:
    path = guarded.directory / "billing.cred"
    key = read(path, "", READER)
    assert engine.works(key)
    assert read(path, "", OTHER) == ""
    assert guarded.end() == 0
    assert not path.exists()


def test_watchers_are_told_of_every_new_key(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(overlap='"1m"')
    agent.start()
    first = agent.wait_for_key()
    connection = UnixConnection(agent.directory / "freshkey.sock")
    connection.request("GET", "/v1/keys/billing/events")
    answer = connection.getresponse()
    assert event(answer)["tag"] == first["tag"]
    assert agent.post("/v1/keys/billing/rotate") == 202
    second = event(answer)
    assert second["generation"] == 2
    assert second["key"] == agent.wait_for_key(other_than=first["tag"])["key"]
    assert agent.end() == 0
    assert answer.read() == b": the agent stops or reloads\n\n"
    connection.close()


def event(answer: http.client.HTTPResponse) -> dict[str, Any]:
    """Read one event; comments are left out."""
    while (line := answer.readline().strip()) != b"event: key":
        assert line in {b"", b":"}
    tag, data = answer.readline().decode(), answer.readline().decode()
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert tag == f"id: {found['tag']}\n"
    assert answer.readline() == b"\n"
    return found


def test_a_rule_that_names_nobody_is_a_fault(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(allow='[{user = "no-such-user"}, {executable = "/no/such/program"}]')
    for command in ("check", "run"):
        done = agent.command(command)
        assert done.returncode == 2
        user, program = done.stderr.splitlines()
        assert user.startswith("keys.billing.allow[0].user: no user 'no-such-user' on this machine")
        assert program.startswith("keys.billing.allow[1].executable: can't be found")
