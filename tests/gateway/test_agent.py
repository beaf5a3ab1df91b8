"""The gateway of a real agent, with a real Vault, and OpenAI's emulator behind it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two three"}]}
ANY_KEY = {"Authorization": "Bearer any", "Content-Type": "application/json"}


def ask(
    connection: http.client.HTTPConnection, path: str = "/v1/chat/completions", **more: object
) -> tuple[int, dict[str, str], dict[str, Any]]:
    connection.request("POST", path, json.dumps({**CHAT, **more}), ANY_KEY)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), json.loads(answer.read())


def audited(agent: Agent) -> list[dict[str, Any]]:
    lines = (agent.directory / "audit").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "gateway.request"]


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


def test_a_refused_request_is_sent_again_with_the_key_of_the_next_configuration(
    make_gateway: Callable[..., Agent], engine: Engine, port: int
) -> None:
    """The reload comes while it waits for that key."""
    agent = make_gateway(check_every='"1h"')
    change(agent, engine.path, "openai/creds/missing")  # no key can be minted
    reload(agent)
    engine.delete_account()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), ANY_KEY)
    eventually(lambda: agent.logged("key.reported"), "that it was refused")
    change(agent, "openai/creds/missing", engine.path)
    reload(agent)
    assert connection.getresponse().status == 200
    connection.close()


def test_who_has_all_their_connections_gets_no_more_by_a_reload(
    make_gateway: Callable[..., Agent], port: int
) -> None:
    agent = make_gateway(gateway="max_requests = 2")
    kept = [socket.create_connection(("127.0.0.1", port)) for _ in range((2 + 256) // 2)]
    for connection in kept:
        connection.settimeout(10)
    for _ in range(2):
        late = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        status, _, body = ask(late)
        assert (status, body["error"]["code"]) == (503, "busy")
        late.close()
        reload(agent)
    kept.pop().close()

    def is_served() -> bool:
        late = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            return ask(late)[0] == 200
        finally:
            late.close()

    eventually(is_served, "a place is free")
    for connection in kept:
        connection.close()


class HeldUpstream:
    """An upstream that answers each request when the test wants it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def take(self) -> socket.socket:
        """Wait for a connection, and for the whole request on it."""
        connection, _ = self._listener.accept()
        connection.settimeout(30)
        text = b""
        while not text.endswith(b"}"):
            text += connection.recv(65536)
        return connection

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def upstream() -> Iterator[HeldUpstream]:
    made = HeldUpstream()
    yield made
    made.close()


def test_a_stream_outlives_a_reload_and_a_kept_connection_has_the_new_rules(
    make_gateway: Callable[..., Agent], engine: Engine, upstream: HeldUpstream, port: int
) -> None:
    agent = make_gateway("name = 'before'")
    kept, stream = (http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2))
    assert ask(kept)[0] == 200
    change(agent, f'upstream = "{engine.openai.base_url}"', f'upstream = "{upstream.url}"')
    reload(agent)
    stream.request("POST", "/v1/chat/completions", json.dumps(CHAT), ANY_KEY)
    with upstream.take() as held:
        held.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        answer = stream.getresponse()
        assert answer.read(5) == b"first"
        change(agent, f'upstream = "{upstream.url}"', f'upstream = "{engine.openai.base_url}"')
        change(agent, "name = 'before'", "name = 'after'")
        reload(agent)
        assert ask(kept)[0] == 200
        held.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        assert answer.read() == b"second"
    change(agent, "name = 'after'", "name = 'after'\nuser = '12345'")
    reload(agent)
    assert ask(kept)[0] == 403, "the connection is kept, its right is not"
    told = eventually(lambda: (found := audited(agent))[3:] and found, "four records")
    assert [line["client"] for line in told] == ["before", "after", "before", None]
    kept.close()
    stream.close()


def is_refused(connection: http.client.HTTPConnection) -> bool:
    """Ask once: what comes while the gateway reads its last is answered."""
    try:
        ask(connection)
    except (http.client.HTTPException, OSError):
        connection.close()
        return True
    return False


def test_it_can_be_turned_off_and_on(make_gateway: Callable[..., Agent], port: int) -> None:
    agent = make_gateway()
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    assert ask(kept)[0] == 200
    lines = f'socket = "openai.sock"\ntcp = "127.0.0.1:{port}"'
    change(agent, lines, "# off")
    reload(agent)
    eventually(lambda: is_refused(kept), "the end of a connection from before")
    with pytest.raises(ConnectionRefusedError):
        ask(http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    assert not (agent.directory / "openai.sock").exists()
    change(agent, "# off", lines)
    reload(agent)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    assert ask(connection)[0] == 200
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


def test_a_user_that_is_unknown_ends_nothing(make_gateway: Callable[..., Agent], port: int) -> None:
    agent = make_gateway("name = 'before'")
    change(agent, "name = 'before'", "user = 'nobody-of-this-name'")
    refused = reload(agent, "reload.refused")
    assert "no user 'nobody-of-this-name'" in refused["message"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    assert ask(connection)[0] == 200, "what was before holds"
    connection.close()
    assert agent.end() == 0
    done = agent.command("run")
    assert done.returncode == 2
    assert "no user 'nobody-of-this-name'" in done.stderr
    assert "Traceback" not in done.stderr


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
