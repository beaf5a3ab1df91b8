"""Sending and receiving on a socket that does not block, plain or with TLS.

trio's own streams cost several times as much for each event of a stream: they check the use by two
tasks, and its TLS passes every byte through memory of its own.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
PORTION: Final = 64 * 1024  # bytes that are received at once


class BrokenError(Exception):
    """The connection is broken, or the peer has closed it."""


@final
class ByteStream:
    """A connected socket with a timeout of 0; whoever makes it closes it, with `close`."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None

    async def receive(self) -> bytes:
        """Return what has come, empty at the end; raises BrokenError. Always a checkpoint."""
        if self.has_more:
            await trio.lowlevel.checkpoint()
        else:
            await self._readable()
        while True:
            try:
                return self.socket.recv(PORTION)
            except OSError as error:
                await self._until_possible(error, self._readable)

    @property
    def has_more(self) -> bool:
        """Whether TLS has decrypted more than was received; the kernel does not tell of that."""
        return self._tls is not None and self._tls.pending() > 0

    def receive_now(self) -> bytes | None:
        """Return what has come already, empty at the end, and None for nothing."""
        try:
            return self.socket.recv(PORTION)
        except _NOT_NOW:
            return None
        except OSError as error:
            raise _broken(error) from None

    def send_some(self, data: bytes) -> bytes | memoryview:
        """Send what the peer takes at once, and return the rest; raises BrokenError."""
        try:
            sent = self.socket.send(data)
        except _NOT_NOW:
            return data
        except OSError as error:
            raise _broken(error) from None
        return b"" if sent == len(data) else memoryview(data)[sent:]

    async def send(self, data: bytes | memoryview) -> None:
        """Send all; raises BrokenError. A checkpoint only if the peer does not take it at once."""
        left = data
        while left:
            try:
                sent = self.socket.send(left)
            except OSError as error:
                await self._until_possible(error, self._writable)
            else:
                left = memoryview(left)[sent:]

    def close(self) -> None:
        """Close it, and end who waits for it."""
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            with suppress(OSError):
                self.socket.close()

    async def _until_possible(self, error: OSError, usual: Callable[[], Awaitable[None]]) -> None:
        """Wait for what an attempt lacked, which TLS names; raises BrokenError."""
        match error:
            case ssl.SSLWantReadError():
                await self._readable()
            case ssl.SSLWantWriteError():
                await self._writable()
            case BlockingIOError():
                await usual()
            case _:
                raise _broken(error) from None

    async def _readable(self) -> None:
        try:
            await trio.lowlevel.wait_readable(self.socket)
        except trio.ClosedResourceError:
            raise BrokenError("it was closed") from None

    async def _writable(self) -> None:
        try:
            await trio.lowlevel.wait_writable(self.socket)
        except trio.ClosedResourceError:
            raise BrokenError("it was closed") from None


def _broken(error: OSError) -> BrokenError:
    return BrokenError(error.strerror or type(error).__name__)
