"""Health and metrics over TCP, for what speaks to no Unix socket."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from testbed.process import ReservedPort
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent


def over_tcp(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    with closing(ReservedPort()) as first, closing(ReservedPort()) as second:
        yield first.number, second.number


def test_health_over_tcp_and_never_a_key(reloadable: Agent, ports: tuple[int, int]) -> None:
    first, second = ports
    change(reloadable, "[server]", f'[server]\nhealth = "127.0.0.1:{first}"')
    reload(reloadable)
    assert over_tcp(first, "/livez") == (200, b"ok\n")
    assert over_tcp(first, "/readyz/billing") == (200, b"ok\n")
    assert b"freshkey_key_generation" in over_tcp(first, "/metrics")[1]
    for path in ("/v1/keys/billing", "/v1/keys", "/v1/status", "/", "/livez/../v1/keys"):
        assert over_tcp(first, path)[0] == 404
    assert over_tcp(first, "/v1/keys/billing/rotate", "POST")[0] == 404
    assert over_tcp(first, "*", "OPTIONS")[0] == 404

    change(reloadable, f":{first}", f":{second}")
    reload(reloadable)
    assert over_tcp(second, "/readyz")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        over_tcp(first, "/livez")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change(reloadable, f":{second}", f":{taken.getsockname()[1]}")
        told = reload(reloadable, "reload.refused")
    assert told["message"].startswith("server.health: 127.0.0.1:"), "its place, once"
    assert "Address already in use" in told["message"]
    assert over_tcp(second, "/livez")[0] == 200, "what was, stays"


def test_a_port_that_the_agent_holds_itself_is_named(
    reloadable: Agent, ports: tuple[int, int]
) -> None:
    port, _ = ports
    change(reloadable, "[server]", f'[server]\nhealth = "127.0.0.1:{port}"')
    reload(reloadable)
    change(reloadable, f"127.0.0.1:{port}", f"0.0.0.0:{port}")
    told = reload(reloadable, "reload.refused")
    assert f"this agent has 127.0.0.1:{port}: restart it, or name another port" in told["message"]


def test_a_start_without_its_port_is_refused(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        change(agent, "[server]", f'[server]\nhealth = "127.0.0.1:{port}"')
        done = agent.command("run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"freshkey: server.health: 127.0.0.1:{port}: Address already in use: name an address of "
        "this machine that is free"
    )
