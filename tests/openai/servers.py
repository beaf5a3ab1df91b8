"""A server on a real socket that sends what a test wants."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Server:
    """Sends `sent` to whoever has sent a request, then does `then`."""

    def __init__(self, sent: bytes, then: Callable[[], Awaitable[None]] | None) -> None:
        self.requests: list[str] = []
        self.port = 0
        self._sent, self._then = sent, then

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            request = b""
            while not _is_whole(request):
                part = await stream.receive_some()
                assert part, "the client left"
                request += part
            self.requests.append(request.decode().lower())
            await stream.send_all(self._sent)
            if self._then is not None:
                await self._then()


def _is_whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(found) and (length is None or len(body) >= int(length[1]))


@asynccontextmanager
async def serving(
    sent: bytes = b"", then: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Server]:
    server = Server(sent, then)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


def answer(status: int, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body
