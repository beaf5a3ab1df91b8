"""The gateway of a real agent while its configuration is loaded again."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload
from tests.gateway.asking import ANY_KEY, CHAT, ask, audited

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine
    from tests.gateway.held_upstream import HeldUpstream


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
