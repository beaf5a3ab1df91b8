"""Clients that hang up, stall, or talk garbage: nothing stays behind."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.gateway import gateway as gateway_module

from tests.gateway.fakes import KEY
from tests.gateway.site import site
from tests.gateway.streaming import EVENT, STREAM
from tests.gateway.wire import request, reset, rest_of, until

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection


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
