"""Clients and an upstream that break off, stall, or talk garbage: nothing stays behind."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.gateway import gateway as gateway_module

from tests.gateway.site import GOOD, KEY, request, reset, rest_of, site, until

if TYPE_CHECKING:
    from tests.gateway.site import UpstreamConnection

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"


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


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_client_that_hangs_up_ends_its_stream_upstream(*, is_reset: bool) -> None:
    ended = trio.Event()

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(STREAM + EVENT)
        with suppress(trio.BrokenResourceError):
            await connection.stream.receive_some()  # nothing more is sent: it ends
        ended.set()

    async with site(script) as gateway:
        stream = await gateway.connect()
        await stream.send_all(request(b"{}"))
        await until(stream, b"data: 1")
        if is_reset:
            reset(stream)
        else:
            await stream.aclose()
        begun = trio.current_time()
        await ended.wait()
        assert trio.current_time() - begun < 1.0
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert gateway.done[0].status == 200


async def test_a_client_that_hangs_up_before_an_answer() -> None:
    ended = trio.Event()

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        assert not await connection.stream.receive_some()
        ended.set()

    async with site(script) as gateway:
        stream = await gateway.connect()
        await stream.send_all(request(b"{}"))
        while not gateway.requests:
            await trio.testing.wait_all_tasks_blocked(0.01)
        await stream.aclose()
        await ended.wait()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert gateway.done[0].status == 499


async def test_a_client_that_hangs_up_within_its_body() -> None:
    ended = trio.Event()

    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        while await connection.data():
            pass

    async def noticing(connection: UpstreamConnection) -> None:
        try:
            await script(connection)
        except Exception:  # noqa: BLE001 - h11 tells that the body is not whole
            ended.set()

    async with site(noticing) as gateway:
        stream = await gateway.connect()
        await stream.send_all(request(b"x" * 100_000, b"Content-Length: 1000000"))
        while not gateway.requests:
            await trio.testing.wait_all_tasks_blocked(0.01)
        await stream.aclose()
        await ended.wait()


async def test_a_body_that_stops_is_given_up() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        with suppress(Exception):  # h11 tells that the body is not whole
            await connection.body()

    async with site(script, first_byte_timeout=0.3) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b"x" * 100_000, b"Content-Length: 1000000"))
        answer = await until(stream, b"}}")
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"nothing of the body came for 0.3 s" in answer


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


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/models HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000,
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 10_000,
        b"GET /v1/" + b"x" * 40_000,
        b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ],
)
async def test_a_client_that_talks_garbage(data: bytes) -> None:
    async with site() as gateway:
        answer = await gateway.exchange(data)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")), answer
        assert KEY.encode() not in answer


async def test_a_client_that_sends_its_request_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_PATIENCE", 0.1)
    async with site() as gateway, await gateway.connect() as stream:
        await stream.send_all(b"GET /v1/models HT")
        assert (await rest_of(stream)).startswith(b"HTTP/1.1 400")


async def test_a_client_that_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_IDLE", 0.1)
    async with site() as gateway, await gateway.connect() as stream:
        assert await rest_of(stream) == b""
        assert gateway.done == []
