"""What well-behaved clients get, over real sockets."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.view import KeyStatus, KeyView
from structlog.testing import capture_logs

from tests.serve.client import get
from tests.serve.publication import KEY, TAG

if TYPE_CHECKING:
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Response
    from freshkey.sockets.peers import Peer
    from trio.testing import MockClock

    from tests.serve.site import Site

EXECUTABLE = os.path.realpath(sys.executable)


async def test_an_answer_byte_for_byte(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/v1/keys/billing", "Accept: text/plain"))
        await trio.lowlevel.wait_readable(client.socket)
        assert client.socket.recv(4096).decode() == (
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f'ETag: "{TAG}"\r\n'
            f"Content-Length: {len(KEY)}\r\n"
            "Cache-Control: no-store\r\n"
            "\r\n"
            f"{KEY}"
        )


async def test_one_connection_serves_many_requests(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        for _ in range(3):
            assert (await client.ask(get("/v1/keys/billing"))).json["key"] == KEY
        unchanged = await client.ask(get("/v1/keys/billing", f'If-None-Match: "{TAG}"'))
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers == {"ETag": f'"{TAG}"', "Cache-Control": "no-store"}
        site.published_keys.show(KeyView("billing", KeyStatus.WITHDRAWN))
        withdrawn = await client.ask(get("/v1/keys/billing"))
        assert (withdrawn.code, withdrawn.headers["Retry-After"]) == ("no_key", "1")
    assert site.reads.events[0] == {
        "event": "key.read",
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "executable": EXECUTABLE,
        "unit": None,
        "key": "billing",
        "tag": TAG,
        "outcome": "served",
    }


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    await site.start()
    names = [f"key-{number}" for number in range(100)]
    with site.connect() as client:
        client.send(b"".join(get(f"/v1/keys/{name}") for name in names))
        for _ in names:
            assert (await client.reply()).code == "unknown_key"
        assert [event["key"] for event in site.reads.events] == names


async def test_head_tells_the_length_and_sends_no_body(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        whole = await client.ask(get("/v1/keys/billing"))
        client.send(get("/v1/keys/billing", method="HEAD"))
        assert (await client.reply(body=False)).headers == whole.headers
        assert (await client.ask(get("/livez"))).body == b"ok\n"


async def test_close_is_said_and_done_when_the_client_asks_for_it(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get("/livez", "Connection: close"))
        assert reply.headers["Connection"] == "close"
        assert await client.at_end()


async def test_a_body_is_read_past_even_where_none_is_wanted(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        client.send(get("/livez", "Content-Length: 5") + b"GET /" + get("/readyz"))
        assert [(await client.reply()).status for _ in range(2)] == [200, 200]


async def test_who_rests_between_requests_is_let_go_after_ten_seconds(
    site: Site, mock_clock: MockClock
) -> None:
    await site.start()
    with site.connect() as client:
        for _ in range(5):
            await client.ask(get("/livez"))
            mock_clock.jump(9.9)
        await client.ask(get("/livez"))
        mock_clock.jump(11.1)
        assert await client.at_end()


async def test_a_fault_of_ours_ends_one_connection_and_is_logged(site: Site) -> None:
    def stumble(_request: Request, _peer: Peer) -> Response:
        message = "a mistake in here"
        raise RuntimeError(message)

    await site.start(answer=stumble)
    with capture_logs() as logs, site.connect() as client, site.connect() as other:
        client.send(get("/livez"))
        assert await client.at_end()
        other.send(get("/livez"))
        assert await other.at_end()
    assert [entry["event"] for entry in logs] == ["connection.failed"] * 2


async def test_a_cancelled_server_leaves_nothing_behind(site: Site) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as site.nursery:
            await site.start()
            with site.connect() as client:
                client.send(get("/live"))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                with pytest.raises(trio.Cancelled):
                    await trio.lowlevel.checkpoint()
    assert not site.path.exists()


async def test_the_body_of_a_problem_is_one_json_object(site: Site) -> None:
    await site.start()
    with site.connect() as client:
        reply = await client.ask(get("/v1/keys/billing", method="DELETE"))
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.headers["Allow"] == "GET, HEAD"
        assert json.loads(reply.body)["status"] == reply.status == 405
