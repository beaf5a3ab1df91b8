"""Many clients at once: none holds up another or gets its answer, and too many are sent away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from tests.gateway.site import site
from tests.gateway.streaming import EVENT, STREAM
from tests.gateway.upstream import GOOD
from tests.gateway.wire import request, until

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection


async def test_a_slow_client_holds_back_its_own_stream_alone() -> None:
    sent = 0

    async def script(connection: UpstreamConnection) -> None:
        nonlocal sent
        received = await connection.request()
        if received.target.endswith("/models"):
            await connection.answer(GOOD)
            return
        await connection.stream.send_all(STREAM)
        while True:
            await connection.stream.send_all(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            sent += 0x10000

    async with site(script, first_byte_timeout=60) as gateway, await gateway.connect() as slow:
        await slow.send_all(request(b"{}"))
        before = -1
        while sent != before:  # until nobody takes any more
            before = sent
            await trio.sleep(0.3)
        for _ in range(5):
            models = request(method=b"GET", path=b"/v1/models")
            assert (await gateway.exchange(models)).startswith(b"HTTP/1.1 200")
        assert sent == before
        held = before
        while held > 0:
            held -= len(await slow.receive_some())
        await trio.sleep(0.1)
        assert sent > before, "it goes on once the client reads"


async def test_more_requests_than_allowed_are_told_to_come_again() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(STREAM + EVENT)
        await trio.sleep_forever()

    async with site(script, max_requests=2) as gateway:
        streams = []
        for _ in range(2):
            streams.append(await gateway.connect())
            await streams[-1].send_all(request(b"{}"))
            await until(streams[-1], b"data: 1")
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"code": "busy"' in answer
        for stream in streams:
            await stream.aclose()


async def test_answers_of_two_clients_do_not_mix() -> None:
    """Many at once, over kept connections: each gets what belongs to its own request."""

    async def script(connection: UpstreamConnection) -> None:
        while True:
            received = await connection.request()
            body = received.body
            await connection.answer(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )

    async with site(script, max_requests=64) as gateway, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            async with await gateway.connect() as stream:
                for turn in range(20):
                    body = b'{"input": "%d of %d"}' % (turn, number)
                    await stream.send_all(request(body, close=False))
                    answer = await until(stream, b"}")
                    assert answer.endswith(b"\r\n\r\n" + body)
                    if turn % 7 == number % 7:
                        break  # and leaves the connection at rest

        for number in range(30):
            nursery.start_soon(ask, number)
