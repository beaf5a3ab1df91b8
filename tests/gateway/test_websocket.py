"""WebSockets: after the 101, bytes both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.gateway.clients import Client

from tests.gateway.fakes import KEY, OTHER_KEY
from tests.gateway.site import site
from tests.gateway.test_healing import refusal
from tests.gateway.test_usage import DONE, frame
from tests.gateway.wire import rest_of, until

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection

OPEN = (
    b"GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: localhost\r\n"
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer any\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.any\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: realtime\r\n\r\n"
)


async def echoing(connection: UpstreamConnection) -> None:
    await connection.head()
    await connection.stream.send_all(SWITCH + frame(b"hello"))
    while data := await connection.stream.receive_some():
        await connection.stream.send_all(frame(data))
        if b"bye" in data:
            return


async def test_both_ways_until_one_side_ends() -> None:
    async with site(echoing) as gateway, await gateway.connect() as stream:
        await stream.send_all(OPEN + b"early")
        head = await until(stream, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nUpgrade: websocket\r\n" in head
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        if frame(b"early") not in head:
            await until(stream, frame(b"early"))
        for _ in range(3):
            await stream.send_all(b"some bytes")
            await until(stream, frame(b"some bytes"))
        await stream.send_all(b"bye")
        assert (await rest_of(stream)) == frame(b"bye")
        (received,) = gateway.requests
        assert received.target == "/v1/realtime?model=gpt-realtime"
        assert received.header("authorization") == [f"Bearer {KEY}"]
        assert received.header("connection") == ["Upgrade"]
        assert received.header("upgrade") == ["websocket"]
        assert received.header("sec-websocket-protocol") == ["realtime"]
        assert not received.header("sec-websocket-extensions")
        done = gateway.done[0]
        assert (done.status, done.model) == (101, "gpt-realtime")
        assert done.bytes_received == len(b"early" + 3 * b"some bytes" + b"bye")


async def test_usage_of_all_its_answers() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await connection.stream.send_all(SWITCH + frame(DONE))
        await connection.stream.send_all(frame(DONE))

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(OPEN)
        await rest_of(stream)
        assert gateway.done[0].usage == (10, 14)


async def test_a_client_that_hangs_up() -> None:
    ended = trio.Event()

    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await connection.stream.send_all(SWITCH)
        assert not await connection.stream.receive_some()
        ended.set()

    async with site(script) as gateway:
        stream = await gateway.connect()
        await stream.send_all(OPEN)
        await until(stream, b"\r\n\r\n")
        await stream.aclose()
        await ended.wait()


async def test_a_refused_key_is_healed_before_it_opens() -> None:
    async def script(connection: UpstreamConnection) -> None:
        received = await connection.head()
        if received.header("authorization") == [f"Bearer {KEY}"]:
            gateway.keys.show(OTHER_KEY, 2)
            await connection.stream.send_all(refusal())
        else:
            await connection.stream.send_all(SWITCH)

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(OPEN)
        assert (await until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        assert len(gateway.requests) == 2


async def test_an_upstream_that_does_not_want_one() -> None:
    body = b'{"error": {"message": "no", "code": "x"}}'

    async def script(connection: UpstreamConnection) -> None:
        await connection.head()
        await connection.stream.send_all(
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(OPEN)
        answer = await rest_of(stream)
        assert answer.startswith(b"HTTP/1.1 400")
        assert answer.endswith(body)


@pytest.mark.parametrize(
    "header",
    [b"Upgrade: h2c", b"Upgrade: websocket\r\nContent-Length: 5", b"Upgrade: a, websocket"],
)
async def test_other_protocols_are_refused(header: bytes) -> None:
    async with site() as gateway:
        text = OPEN.replace(b"Upgrade: websocket", header)
        answer = await gateway.exchange(text)
        assert answer.startswith(b"HTTP/1.1 400")
        assert not gateway.requests


async def test_models_may_be_limited() -> None:
    async with site(echoing, [Client("team", "billing", models=("gpt-4o*",))]) as gateway:
        answer = await gateway.exchange(OPEN)
        assert answer.startswith(b"HTTP/1.1 403")
        assert not gateway.requests
