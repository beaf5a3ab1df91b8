"""The answers of one connection on their way out: put by its task, sent by the outbox."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.sockets.outbox import Outbox


@final
class Outgoing:
    """Sends on a non-blocking socket.

    `gone` says that the peer takes no more. `on_stuck` is called, in a pass of its own, when the
    kernel did not take all: the connection's task has to `drain`.
    """

    def __init__(self, sock: socket.socket, outbox: Outbox, on_stuck: Callable[[], None]) -> None:
        self.gone = False
        self._sock = sock
        self._outbox = outbox
        self._on_stuck = on_stuck
        self._unsent = b""
        self._queued = False  # in the outbox, which sends at the end of the pass
        self._token = trio.lowlevel.current_trio_token()

    @property
    def size(self) -> int:
        """How many bytes are not sent yet."""
        return len(self._unsent)

    @property
    def stuck(self) -> bool:
        """Whether something waits for the peer to read."""
        return bool(self._unsent) and not self._queued

    def put(self, data: bytes) -> None:
        """Have an answer sent at the end of this pass."""
        self._unsent += data
        if not self._queued:
            self._queued = True
            self._outbox.put(self)

    async def drain(self) -> None:
        """Wait until the peer has taken every answer, or is gone."""
        self.flush()
        while self._unsent:
            with suppress(trio.ClosedResourceError):  # a server that ends wakes who reads
                await trio.lowlevel.wait_writable(self._sock)
            self._try_send()

    def flush(self) -> None:
        """Send now what waits for the end of the pass."""
        if self._queued:
            self._outbox.flush()

    def send(self) -> None:
        """Send what the kernel takes at once; called by the outbox."""
        self._queued = False
        self._try_send()
        if self._unsent:
            self._token.run_sync_soon(self._on_stuck)

    def hang_up(self) -> None:
        """Send nothing any more, and wake the task, which finds the connection ended."""
        self._queued = False
        self._unsent = b""
        self.gone = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _try_send(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
            self.gone = True
