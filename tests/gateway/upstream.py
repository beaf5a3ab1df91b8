"""OpenAI's side of a gateway's connection, which does what a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    import trio

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class UpstreamConnection:
    """One connection that the gateway opened; h11 reads what it sends, as OpenAI's side would."""

    def __init__(self, stream: trio.SocketStream, requests: list[Received]) -> None:
        self.stream = stream
        self._requests = requests
        self._parser = h11.Connection(h11.SERVER)

    async def request(self) -> Received:
        """Read a whole request."""
        received = await self.head()
        received.body = await self.body()
        return received

    async def head(self) -> Received:
        event = await self._event()
        if isinstance(event, h11.ConnectionClosed):
            raise EndedError
        assert isinstance(event, h11.Request)
        received = Received(event)
        self._requests.append(received)
        return received

    async def body(self) -> bytes:
        found = b""
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            assert isinstance(event, h11.Data), event
            found += bytes(event.data)
        return found

    async def data(self) -> bytes:
        """Read the next part of a body."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def answer(self, data: bytes) -> None:
        """Send an answer, and be ready for the next request."""
        await self.stream.send_all(data)
        self._parser.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._parser.send(h11.EndOfMessage())
        if self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE:
            self._parser.start_next_cycle()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(await self.stream.receive_some())
        return event  # type: ignore[return-value]  # NEED_DATA was taken out


class Received:
    """A request as it came to OpenAI."""

    def __init__(self, request: h11.Request) -> None:
        self.method = request.method.decode()
        self.target = request.target.decode()
        self.headers = [(n.decode(), v.decode("latin-1")) for n, v in request.headers]
        self.body = b""

    def header(self, name: str) -> list[str]:
        return [value for given, value in self.headers if given == name]


class EndedError(Exception):
    """The gateway closed its connection."""


async def good(connection: UpstreamConnection) -> None:
    """Answer every request on a connection."""
    while True:
        await connection.request()
        await connection.answer(GOOD)
