"""How the task of one connection waits: for bytes, for news, for the time; and what wakes it."""

from __future__ import annotations

import socket
from enum import Enum, auto
from typing import TYPE_CHECKING, final

import trio

from freshkey.serve.outgoing import Outgoing

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.subscribers import Subscribers
    from freshkey.sockets.resources import ServerResources


class WaitEnd(Enum):
    """What ended a wait for news."""

    NEWS = auto()
    TIME = auto()
    HUNG_UP = auto()
    STOPPING = auto()


@final
class Waiter:
    """Waits on a non-blocking socket, in one task, which costs less than a task for each matter.

    `outgoing` are the answers on their way. The peer has the server's `patience` to take them
    while something else is waited for.
    """

    def __init__(self, sock: socket.socket, resources: ServerResources) -> None:
        self.outgoing = Outgoing(sock, resources.outbox, on_stuck=self._wake)
        self._sock = sock
        self._patience = resources.patience
        self._stopping = resources.stopping
        self._reading = False
        self._sleep: trio.CancelScope | None = None

    async def for_news(self, news: Subscribers, ready: Callable[[], bool], end: float) -> WaitEnd:
        """Wait until `ready()`, which `news` may change, but no longer than to `end`.

        A peer that does not take what was sent to it counts as one that has hung up.
        """
        news.add(self._wake)
        try:
            with trio.CancelScope(deadline=end):
                while not ready():
                    if self._stopping.is_set():
                        return WaitEnd.STOPPING
                    if self.outgoing.stuck:
                        with trio.move_on_after(self._patience) as patience:
                            await self.outgoing.drain()
                        if patience.cancelled_caught:
                            self.outgoing.hang_up()
                            return WaitEnd.HUNG_UP
                    elif await self.for_bytes() and not self._stopping.is_set():
                        if self._hung_up():
                            return WaitEnd.HUNG_UP
                        # Who sent the next request already, or sends no more and waits, stays
                        # readable, and is waited out. News may have come in the pass of the bytes.
                        if not (ready() or self.outgoing.stuck):
                            await self._until_woken()
                return WaitEnd.NEWS
        finally:
            news.remove(self._wake)
        return WaitEnd.TIME

    async def for_bytes(self) -> bool:
        """Wait for bytes; False when the task was woken for something else."""
        self._reading = True
        try:
            await trio.lowlevel.wait_readable(self._sock)
        except trio.ClosedResourceError:  # by `_wake`
            return False
        finally:
            self._reading = False
        return True

    async def _until_woken(self) -> None:
        with trio.CancelScope() as self._sleep:
            await self._stopping.wait()
        self._sleep = None

    def _wake(self) -> None:
        """Have the task look again, whether it waits for bytes, or for news alone."""
        if self._reading:
            trio.lowlevel.notify_closing(self._sock)
        elif self._sleep:
            self._sleep.cancel()

    def _hung_up(self) -> bool:
        try:
            if self._sock.recv(1, socket.MSG_PEEK):
                return False
            self._sock.send(b"")  # who only sends no more (shutdown(2)) can still be sent to
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False
