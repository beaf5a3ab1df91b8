"""What goes on to OpenAI, and what comes back."""

from __future__ import annotations

import pytest
import trio
from freshkey.gateway.clients import Client

from tests.gateway.fakes import KEY
from tests.gateway.site import site
from tests.gateway.upstream import GOOD, UpstreamConnection
from tests.gateway.wire import request, until


async def test_a_request_goes_on_with_the_key_and_without_credentials() -> None:
    async with site() as gateway:
        headers = (
            b"X-Stainless-Lang: python",
            b"api-key: theirs",
            b"Cookie: theirs",
            b"Proxy-Authorization: theirs",
            b"Connection: X-Hop",
            b"X-Hop: gone",
            b"Accept-Encoding: gzip",
            b"OpenAI-Beta: realtime=v1",
        )
        answer = await gateway.exchange(request(b'{"model": "gpt-4o"}', *headers))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\n{}")
        (received,) = gateway.requests
        assert (received.method, received.target) == ("POST", "/v1/responses")
        assert received.body == b'{"model": "gpt-4o"}'
        assert received.header("authorization") == [f"Bearer {KEY}"]
        assert received.header("x-stainless-lang") == ["python"]
        assert received.header("openai-beta") == ["realtime=v1"]
        assert received.header("accept-encoding") == ["identity"]
        (host,) = received.header("host")
        assert host.startswith("127.0.0.1:")
        for gone in ("api-key", "cookie", "proxy-authorization", "x-hop", "connection"):
            assert not received.header(gone)
        (done,) = gateway.done
        assert (done.client, done.key, done.status) == ("team", "billing", 200)
        assert done.model == "gpt-4o"


async def test_connections_are_used_again_on_both_sides() -> None:
    opened: list[UpstreamConnection] = []

    async def script(connection: UpstreamConnection) -> None:
        opened.append(connection)
        while True:
            await connection.request()
            await connection.answer(GOOD)

    async with site(script) as gateway:
        async with await gateway.connect() as stream:
            for _ in range(3):
                await stream.send_all(request(b"{}", close=False))
                await until(stream, b"\r\n\r\n{}")
            await stream.send_all(request(b"{}", close=False) * 2)  # pipelined
            await until(stream, b"{}HTTP/1.1 200 OK")
        assert len(opened) == 1


async def test_events_pass_one_by_one() -> None:
    """Each is with the client before OpenAI sends the next one."""
    go_on = trio.Semaphore(0)

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        await connection.stream.send_all(head + b"\r\n\r\n")
        for number in range(5):
            event = b"data: %d\n\n" % number
            await connection.stream.send_all(b"%x\r\n%b\r\n" % (len(event), event))
            await go_on.acquire()
        await connection.stream.send_all(b"0\r\nTrailer: dropped\r\n\r\n")

    async with site(script) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b"{}", close=False))
        for number in range(5):
            await until(stream, b"data: %d\n\n" % number)
            go_on.release()
        assert (await until(stream, b"0\r\n\r\n")).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"\r\nuntil the end\r\n0\r\n\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + GOOD, b"{}"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        (GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfor nobody", b"{}"),
    ],
)
async def test_answers_of_every_form(answer: bytes, body: bytes) -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(answer)

    async with site(script) as gateway:
        found = await gateway.exchange(request(b"{}"))
        assert found.count(b"HTTP/1.1 2") == 1
        assert found.partition(b"\r\n\r\n")[2].endswith(body)
        assert b"<reset>" not in found
        again = await gateway.exchange(request(b"{}"))
        assert again == found, "on a connection of its own"


async def test_a_head_has_the_length_of_what_a_get_has() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        await trio.sleep_forever()

    async with site(script) as gateway:
        found = await gateway.exchange(request(method=b"HEAD", path=b"/v1/models"))
        assert b"Content-Length: 1234\r\n" in found
        assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"500 Error", b"503 Overloaded"])
async def test_faults_of_openai_pass_untouched(status: bytes) -> None:
    body = b'{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}'
    answer = b"HTTP/1.1 %b\r\nRetry-After: 7\r\nX-Request-Id: req_1\r\nContent-Length: %d\r\n\r\n%b"

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(answer % (status, len(body), body))

    async with site(script) as gateway:
        found = await gateway.exchange(request(b"{}"))
        assert found.startswith(b"HTTP/1.1 " + status)
        assert b"Retry-After: 7\r\n" in found
        assert found.endswith(body)
        assert len(gateway.requests) == 1, "retries are the client's own"
        assert (gateway.done[0].status, gateway.done[0].request_id) == (int(status[:3]), "req_1")


async def test_models_and_paths_may_be_limited() -> None:
    clients = [Client("team", "billing", models=("gpt-5*",), paths=("/responses",))]
    async with site(clients=clients) as gateway:
        for body, path, status in (
            (b'{"model": "gpt-5-mini"}', b"/v1/responses", b"200"),
            (b'{"model": "gpt-5-mini"}', b"/v1/responses/compact", b"200"),
            (b'{"model": "gpt-4o"}', b"/v1/responses", b"403"),
            (b"{}", b"/v1/responses", b"403"),
            (b'{"model": "gpt-5", "model": "gpt-4o"}', b"/v1/responses", b"403"),
            (b'{"model": "gpt-5"}', b"/v1/responsesx", b"403"),
            (b'{"model": "gpt-5"}', b"/v1/chat/completions", b"403"),
            (b'{"model": "gpt-5", "input": "%b"}' % (b"x" * 70_000), b"/v1/responses", b"403"),
        ):
            answer = await gateway.exchange(request(body, path=path))
            assert answer.startswith(b"HTTP/1.1 " + status), (body[:50], path)
        get = request(method=b"GET", path=b"/v1/responses/resp_1")
        assert (await gateway.exchange(get)).startswith(b"HTTP/1.1 200")
        assert len(gateway.requests) == 3


async def test_what_httptools_lets_pass_and_clients_do_not() -> None:
    """Control characters in a reason; and no length is told that OpenAI did not tell."""

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(b"HTTP/1.1 304 Not\0 Mod\x01ified\r\nETag: x\r\n\r\n")

    async with site(script) as gateway:
        found = await gateway.exchange(request(method=b"GET", path=b"/v1/models"))
        assert found.startswith(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n")
        assert b"Content-Length" not in found
