"""Which connections to OpenAI are used again: never one on which anything is left."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.gateway.clients import Client
from freshkey.gateway.upstream import Upstream as OpenAI

from tests.gateway.fakes import KEY
from tests.gateway.site import site
from tests.gateway.test_forms import KIND, LONG
from tests.gateway.test_models import MODEL, form
from tests.gateway.test_usage import frame
from tests.gateway.test_websocket import OPEN, SWITCH
from tests.gateway.upstream import GOOD, UpstreamConnection
from tests.gateway.wire import request, rest_of, until

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"


class Upstream:
    """Answers each connection's first request as a test says, and all others well."""

    def __init__(self, first: bytes, *, reads_all: bool = True) -> None:
        self.opened = 0
        self._first = first
        self._reads_all = reads_all

    async def __call__(self, connection: UpstreamConnection) -> None:
        self.opened += 1
        if self.opened == 1:
            await connection.head()
            if self._reads_all:
                await connection.body()
            await connection.answer(self._first)
            if not self._reads_all:
                await trio.sleep_forever()
        while True:
            await connection.request()
            await connection.answer(GOOD)


@pytest.mark.parametrize(
    ("answer", "method"),
    [
        (GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"POST"),
        (GOOD + b"x", b"POST"),
        (GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"POST"),
        (GOOD[:-2], b"HEAD"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"POST"),
    ],
)
async def test_after_such_an_answer_another_one_is_opened(answer: bytes, method: bytes) -> None:
    upstream = Upstream(answer)
    async with site(upstream) as gateway:
        assert (await gateway.exchange(request(method=method))).startswith(b"HTTP/1.1 200")
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 200")
    assert upstream.opened == 2


@pytest.mark.parametrize("models", [(), ("gpt-5",)])
async def test_a_body_that_has_not_gone_out_whole_is_never_followed_by_another_request(
    models: Sequence[str],
) -> None:
    """OpenAI would read that as the rest of the body."""
    upstream = Upstream(BAD, reads_all=False)
    body = form(LONG * 40, MODEL)
    async with site(upstream, [Client("team", "billing", models=tuple(models))]) as gateway:
        async with await gateway.connect() as stream, trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, request(body, KIND))
            answer = await until(stream, b"{}")
            assert answer.startswith(b"HTTP/1.1 400")
            nursery.cancel_scope.cancel()
        second = await gateway.exchange(request(form(MODEL), KIND))
        assert second.startswith(b"HTTP/1.1 200")
    assert upstream.opened == 2


@pytest.mark.parametrize(
    ("method", "status"), [(b"POST", b"502"), (b"DELETE", b"502"), (b"GET", b"200")]
)
async def test_a_kept_connection_that_openai_closes_at_that_moment(
    method: bytes, status: bytes
) -> None:
    """What may have begun is not sent again, unless that does no harm (RFC 9110, 9.2.2)."""
    opened = 0

    async def script(connection: UpstreamConnection) -> None:
        nonlocal opened
        opened += 1
        await connection.request()
        await connection.answer(GOOD)
        await connection.request()
        if opened > 1:
            await connection.answer(GOOD)

    async with site(script) as gateway:
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 200")
        answer = await gateway.exchange(request(method=method))
        assert answer.startswith(b"HTTP/1.1 " + status)
    assert opened == (2 if method == b"GET" else 1)


async def test_a_websocket_is_nobodys_afterwards() -> None:
    opened = 0

    async def script(connection: UpstreamConnection) -> None:
        nonlocal opened
        opened += 1
        if opened == 1:
            await connection.head()
            head = SWITCH.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
            await connection.stream.send_all(head + frame(KEY.encode()))
            await trio.sleep_forever()
        await connection.request()
        await connection.answer(GOOD)

    async with site(script) as gateway:
        async with await gateway.connect() as stream:
            await stream.send_all(OPEN)
            seen = await until(stream, frame(b"*" * len(KEY)))
            assert b"canary" not in seen
        while not gateway.done:
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 200")
    assert opened == 2


async def test_a_stream_lasts_as_long_as_it_moves() -> None:
    """Also if its client is slower than OpenAI all the time."""
    part = b"x" * 20_000

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            await connection.stream.send_all(b"%x\r\n%b\r\n" % (len(part), part))
        await connection.stream.send_all(b"0\r\n\r\n")

    async with site(script, first_byte_timeout=2.0) as gateway:
        async with await gateway.connect() as stream:
            await stream.send_all(request(b"{}"))
            begun, last = trio.current_time(), b""
            while data := await stream.receive_some(200_000):
                await trio.sleep(0.05)
                last = data
        assert trio.current_time() - begun > 4.0, "long enough to tell"
        assert last.endswith(b"0\r\n\r\n")


async def test_an_answer_reaches_a_client_that_goes_on_sending() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await connection.stream.send_all(BAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b"x" * 100_000, b"Content-Length: 3000000"))
        while not gateway.done:
            await trio.testing.wait_all_tasks_blocked(0.01)
        for _ in range(29):
            await stream.send_all(b"x" * 100_000)
        answer = await rest_of(stream)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.endswith(b"{}")


async def test_who_may_not_use_it_takes_no_place() -> None:
    """Not even by taking no answer."""
    async with site(clients=[], max_requests=1) as gateway, await gateway.connect() as stream:
        with trio.move_on_after(0.5), suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(request(method=b"GET", close=False))
        allowed = gateway.gateway.configuration._replace(clients=(Client("a", "billing"),))
        gateway.gateway.configuration = allowed
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 200")


async def test_a_connection_that_comes_when_nobody_waits_any_more_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its thread has ended, and the client has gone before the loop could hear of it."""
    connect, may_connect = socket.create_connection, threading.Event()

    def connect_later(place: tuple[str, int], timeout: float) -> socket.socket:
        may_connect.wait(10)
        return connect(place, timeout)

    monkeypatch.setattr(socket, "create_connection", connect_later)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = OpenAI(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(upstream.take)
            await trio.testing.wait_all_tasks_blocked()
            may_connect.set()
            accepted, _ = listener.accept()
            time.sleep(0.2)  # noqa: ASYNC251 - the loop is to stand still while the thread ends
            nursery.cancel_scope.cancel()
    with accepted:
        accepted.settimeout(10)
        assert accepted.recv(1) == b""
