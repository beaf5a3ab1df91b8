"""Bodies of requests go on as they come, and may be ended by an answer."""

from __future__ import annotations

import pytest
import trio

from tests.gateway.site import site
from tests.gateway.upstream import GOOD, UpstreamConnection
from tests.gateway.wire import request, rest_of, until


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_long_body_goes_on_as_it_comes(*, is_chunked: bool) -> None:
    part = b"x" * 100_000
    seen = trio.Semaphore(0)

    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        size = 0
        while size < 3 * len(part):
            size += len(await connection.data())
            if size % len(part) == 0:
                seen.release()
        await connection.body()
        await connection.stream.send_all(GOOD)

    async with site(script) as gateway, await gateway.connect() as stream:
        form = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 300000"
        await stream.send_all(request(b"", form))
        for _ in range(3):
            await stream.send_all(b"186a0\r\n" + part + b"\r\n" if is_chunked else part)
            await seen.acquire()
        await stream.send_all(b"0\r\n\r\n" if is_chunked else b"")
        assert (await rest_of(stream)).startswith(b"HTTP/1.1 200")
        assert gateway.done[0].bytes_received == 300_000


async def test_a_slow_body_does_not_wait_until_it_is_whole() -> None:
    seen = trio.Event()

    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        assert await connection.data() == b'{"input": '
        seen.set()
        await connection.body()
        await connection.answer(GOOD)

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b'{"input": ', b"Content-Length: 13"))
        await seen.wait()
        await stream.send_all(b'"x"')
        assert (await rest_of(stream)).startswith(b"HTTP/1.1 200")


async def test_a_client_that_waits_for_a_100() -> None:
    async with site() as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b"", b"Content-Length: 2", b"Expect: 100-continue"))
        await until(stream, b"HTTP/1.1 100 Continue\r\n\r\n")
        await stream.send_all(b"{}")
        assert (await rest_of(stream)).startswith(b"HTTP/1.1 200")
        assert gateway.requests[0].body == b"{}"
        assert not gateway.requests[0].header("expect")


async def test_a_client_that_waits_for_a_100_and_may_not() -> None:
    async with site(clients=[]) as gateway:
        body = request(b"", b"Content-Length: 2", b"Expect: 100-continue")
        async with await gateway.connect() as stream:
            await stream.send_all(body)
            answer = await rest_of(stream)
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"100 Continue" not in answer


async def test_an_answer_before_the_end_of_a_body() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await connection.stream.send_all(
            b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        )

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b"x" * 100_000, b"Content-Length: 10000000"))
        answer = await until(stream, b"\r\n\r\n{}")
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"Connection: close\r\n" in answer
