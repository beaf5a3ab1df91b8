"""An upstream that breaks off, stalls, or talks garbage: the client is told."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio

from tests.gateway.site import site
from tests.gateway.streaming import EVENT, STREAM
from tests.gateway.wire import request, reset, until

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
        b"HTTP/1.1 200",
        b"",
    ],
)
async def test_an_upstream_that_answers_garbage(garbage: bytes) -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(garbage)

    async with site(script) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert b'"code": "upstream"' in answer
        assert gateway.done[0].status == 502


async def test_endless_headers_end() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(b"HTTP/1.1 200 OK\r\n")
        while True:
            await connection.stream.send_all(b"X: y\r\n" * 1000)

    async with site(script) as gateway:
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 502")


ANSWER = (
    b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\nT: v\r\n\r\n"
)


@pytest.mark.parametrize("is_reset", [True, False])
async def test_an_answer_that_breaks_off_at_any_byte(*, is_reset: bool) -> None:
    """The client gets all of it, or sees that it did not."""
    length = 0

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(ANSWER[:length])
        if is_reset:
            reset(connection.stream)

    async with site(script) as gateway:
        for length in range(len(ANSWER)):
            found = await gateway.exchange(request(b"{}"))
            whole = found.startswith(b"HTTP/1.1 200") and found.endswith(b"0\r\n\r\n")
            assert not whole, length
            if not found.startswith(b"HTTP/1.1 200"):
                assert found.startswith((b"HTTP/1.1 502", b"<reset>")), length
        length = len(ANSWER)
        assert (await gateway.exchange(request(b"{}"))).endswith(b"0\r\n\r\n") or is_reset


async def test_a_silent_upstream_is_given_up() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await trio.sleep_forever()

    async with site(script, first_byte_timeout=0.2) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 504")


async def test_an_answer_that_stalls_ends() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(STREAM + EVENT)
        await trio.sleep_forever()

    async with site(script, first_byte_timeout=0.2) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert not answer.endswith(b"0\r\n\r\n")


async def test_nobody_upstream() -> None:
    async with site() as gateway:
        configuration = gateway.gateway.configuration
        unreachable = type(configuration.upstream)("http://127.0.0.1:9/v1")
        gateway.gateway.configuration = configuration._replace(upstream=unreachable)
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 502")
        assert b"can't be reached" in answer


async def test_an_upstream_that_takes_nothing_of_a_body() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await trio.sleep_forever()

    async with site(script, first_byte_timeout=0.3) as gateway:
        size = 50_000_000
        async with await gateway.connect() as stream, trio.open_nursery() as nursery:

            async def send() -> None:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(request(b"x" * size, b"Content-Length: %d" % size))

            nursery.start_soon(send)
            answer = await until(stream, b"}}")
            nursery.cancel_scope.cancel()
        assert answer.startswith(b"HTTP/1.1 504")
