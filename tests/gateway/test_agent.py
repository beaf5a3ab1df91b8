"""The gateway of a real agent, with a real Vault, and OpenAI's emulator behind it."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import change, reload
from tests.gateway.asking import ANY_KEY, CHAT, ask, audited

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine
    from tests.gateway.held_upstream import HeldUpstream


def test_a_request_over_tcp_and_the_socket(make_gateway: Callable[..., Agent], port: int) -> None:
    agent = make_gateway()
    (listening,) = eventually(lambda: agent.logged("gateway.listening"), "where it listens")
    socket_path = str(agent.directory / "openai.sock")
    assert listening["at"] == [socket_path, f"gateway.tcp: 127.0.0.1:{port}"]
    over_tcp = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    over_socket = UnixConnection(agent.directory / "openai.sock")
    for connection in (over_tcp, over_socket):
        for _ in range(2):
            status, _, body = ask(connection)
            assert (status, body["object"]) == (200, "chat.completion"), body
        connection.close()
    told = eventually(lambda: (found := audited(agent))[3:] and found, "four records")
    key = agent.key()
    assert key is not None
    assert {(line["client"], line["key"], line["tag"], line["status"]) for line in told} == {
        ("billing", "billing", key["tag"], 200)
    }
    assert {line["model"] for line in told} == {"gpt-4o-mini"}
    assert all(line["input_tokens"] for line in told)
    text = agent.get("/metrics")[2].decode()
    assert (
        'freshkey_gateway_requests_total{client="billing",key="billing",status="200"} 4.0' in text
    )


@pytest.mark.parametrize("where", ["Vault", "OpenAI"])
def test_a_key_that_is_revoked_under_it(
    make_gateway: Callable[..., Agent], engine: Engine, port: int, where: str
) -> None:
    """Clients see nothing of it, one report is made, and one key minted."""
    agent = make_gateway(check_every='"1h"')
    first = agent.wait_for_key()
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(8)]
    for connection in connections:
        assert ask(connection)[0] == 200
    if where == "Vault":
        lease = next(line for line in agent.log() if line["event"] == "key.minted")["lease_id"]
        engine.vault.request("PUT", f"sys/leases/revoke/{lease}", {"sync": True})
    else:
        engine.delete_account()
    with ThreadPoolExecutor(len(connections)) as threads:
        answers = list(threads.map(ask, connections))
    assert [status for status, _, _ in answers] == [200] * len(connections), answers
    assert agent.wait_for_key()["tag"] != first["tag"]
    assert engine.counts()["mints"] == 2
    reported = [line for line in agent.log() if line["event"] == "key.reported"]
    assert len(reported) == 1, agent.log()[-5:]
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("requests", [0, 1])
def test_it_ends_when_it_is_idle(
    make_gateway: Callable[..., Agent], port: int, requests: int
) -> None:
    agent = make_gateway()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(requests):
        assert ask(connection)[0] == 200
    begun = time.monotonic()
    assert agent.end() == 0
    assert time.monotonic() - begun < 5.0
    connection.close()


def test_a_stop_ends_its_streams_in_time(
    make_gateway: Callable[..., Agent], engine: Engine, upstream: HeldUpstream, port: int
) -> None:
    agent = make_gateway()
    change(agent, f'upstream = "{engine.openai.base_url}"', f'upstream = "{upstream.url}"')
    reload(agent)
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    stream.request("POST", "/v1/chat/completions", json.dumps(CHAT), ANY_KEY)
    with upstream.take() as held:
        begun = time.monotonic()
        assert agent.end() == 0
        assert time.monotonic() - begun < 5.0
        assert held.recv(1) == b"", "it ended upstream, too"
    stream.close()
    assert "Traceback" not in (agent.directory / "log").read_text()
    assert [line["status"] for line in audited(agent)] == [499]
