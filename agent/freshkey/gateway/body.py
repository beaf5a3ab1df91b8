"""The body of a request: as much of it as the buffer holds, and the rest as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.gateway.refusals import RefusedError
from freshkey.gateway.requests import End, Head

if TYPE_CHECKING:
    from freshkey.gateway.requests import Part, RequestParser
    from freshkey.gateway.streams import ByteStream

BUFFER: Final = 64 * 1024  # bytes that can be sent once more
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HungUpError(Exception):
    """The client is gone before its request was whole."""


@final
class Requests:
    """Reads the parts of a client's requests from its connection."""

    def __init__(self, stream: ByteStream, parser: RequestParser) -> None:
        self.parser = parser
        self._stream = stream

    async def begin(self) -> None:
        """Wait until something of a request has come, or the connection has ended."""
        if not self.has_begun:
            self.parser.feed(await self._stream.receive())

    @property
    def has_begun(self) -> bool:
        """Whether something of a request has come, or of what is none."""
        return bool(self.parser.parts or self.parser.refusal or self.parser.midway)

    async def next(self) -> Part | None:
        """Return the next part, None at the end of the connection; raises RefusedError."""
        while not self.parser.parts:
            if self.parser.refusal:
                raise RefusedError(self.parser.refusal)
            data = await self._stream.receive()
            if not data:
                return None
            self.parser.feed(data)
        return self.parser.parts.popleft()

    @property
    def has_some(self) -> bool:
        """Whether a part has come already."""
        return bool(self.parser.parts)


@final
class Body:
    """One request's body. `buffer` is all that was read of it, until that is too much.

    Then it is empty, and `is_kept` is false: the request can't be sent once more.
    """

    def __init__(self, requests: Requests, stream: ByteStream, head: Head) -> None:
        self.buffer = bytearray()
        self.is_kept = True
        self.is_whole = False
        self.size = 0
        self._requests = requests
        self._stream = stream
        self._is_expecting = head.expects_continue

    async def read_ahead(self, seconds: float) -> None:
        """Read until the body is whole, the buffer full, or the time over.

        Raises HungUpError, and RefusedError for what is no body.
        """
        with trio.move_on_after(seconds):
            while not self.is_whole and len(self.buffer) < BUFFER:
                await self.next()

    async def next(self) -> bytes:
        """Return the next part, empty at the end; raises as `read_ahead`."""
        if self._is_expecting and not self._requests.has_some:
            await self._stream.send(_GO_ON)
        self._is_expecting = False
        part = await self._requests.next()
        if part is None or isinstance(part, Head):
            raise HungUpError
        if part is End.END:
            self.is_whole = True
            return b""
        self.size += len(part)
        if self.is_kept:
            self.buffer += part
            if len(self.buffer) > 2 * BUFFER:
                self.is_kept = False
                self.buffer = bytearray()
        return part
