"""The body of a request: as much of it as the buffer holds, and the rest as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

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
class RequestReader:
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


class Check(Protocol):
    """Looks at a body that is too long to be kept."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""

    def end(self) -> object:
        """Raise RefusedError if the body may not go on as a whole."""


@final
class Body:
    """One request's body. `buffer` is all that was read of it, until that is more than 64 KiB.

    Then it is empty, and `is_kept` is false: the request can't be sent once more. With a `check`
    the last part is held back until it has ended well: OpenAI does not get the body whole before.
    """

    def __init__(self, requests: RequestReader, stream: ByteStream, head: Head) -> None:
        self.buffer = bytearray()
        self.is_kept = True
        self.is_whole = False
        self.size = 0
        self._requests = requests
        self._stream = stream
        self._is_expecting = head.expects_continue
        self._check: Check | None = None
        self._held = b""

    @property
    def content(self) -> bytes | None:
        """All of it, if it is whole and kept."""
        return bytes(self.buffer) if self.is_whole and len(self.buffer) <= BUFFER else None

    def add_check(self, check: Check) -> None:
        """Have it looked at, from its beginning."""
        self._check = check
        check.feed(bytes(self.buffer))
        if self.is_whole:
            check.end()

    async def read_ahead(self, seconds: float) -> None:
        """Read until the body is whole, the buffer full, or the time over.

        Raises HungUpError, and RefusedError for what is no body.
        """
        self._take_come()
        if not self.is_whole and len(self.buffer) < BUFFER:
            with trio.move_on_after(seconds):
                await self._fill()
        self.is_kept = len(self.buffer) <= BUFFER

    async def _fill(self) -> None:
        while not self.is_whole and len(self.buffer) < BUFFER:
            self.buffer += await self._read()
            # What came with the last bytes that fit, too: the end may be among it.
            self._take_come()

    async def next(self) -> bytes:
        """Return the next part to go on, empty at the end; raises as `read_ahead`.

        With a check the parts come one late, and the last one with the end.
        """
        part = await self._read()
        if self.is_kept:
            self.buffer += part
            if len(self.buffer) > BUFFER:
                self.is_kept = False
                self.buffer = bytearray()
        if self._check is None:
            return part
        if self.is_whole:
            self._check.end()
        else:
            self._check.feed(part)
        held, self._held = self._held, part
        return held

    def _take_come(self) -> None:
        while not self.is_whole and self._requests.has_some:
            self.buffer += self._taken(self._requests.parser.parts.popleft())

    async def _read(self) -> bytes:
        if self._is_expecting and not self._requests.has_some:
            await self._stream.send(_GO_ON)
        self._is_expecting = False
        return self._taken(await self._requests.next())

    def _taken(self, part: Part | None) -> bytes:
        if part is None or isinstance(part, Head):
            raise HungUpError
        if part is End.END:
            self.is_whole = True
            return b""
        self.size += len(part)
        return part
