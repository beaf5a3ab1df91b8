"""Tells when something has come on many sockets, for less than a task each time.

A task that waits costs two changes of the kernel's list and a turn of trio's loop for every event
of a stream: more than it takes to pass the event on. Here a socket stays on the list, and one task
calls a function for each that has something.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE: Final = 64  # sockets, before all else that runs has a turn


@final
class Readiness:
    """Calls functions from a task in `nursery`, which runs while there is something to wait for."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._epoll: select.epoll | None = None
        self._calls: dict[int, Callable[[], None]] = {}
        self._scope = trio.CancelScope()

    def add(self, descriptor: int, call: Callable[[], None]) -> None:
        """Have `call` called whenever something has come, or the connection has ended.

        It must not raise, and takes what has come: else it is called again at once.
        """
        if self._epoll is None:
            self._epoll = select.epoll()
            self._scope = trio.CancelScope()
            self._nursery.start_soon(self._run, self._epoll, self._scope)
        self._epoll.register(descriptor, select.EPOLLIN)
        self._calls[descriptor] = call

    def remove(self, descriptor: int) -> None:
        """Call it no more; the descriptor is still open."""
        del self._calls[descriptor]
        if self._epoll is not None:
            self._epoll.unregister(descriptor)
        if not self._calls:
            self._epoll = None
            self._scope.cancel()

    async def _run(self, epoll: select.epoll, scope: trio.CancelScope) -> None:
        try:
            with epoll, scope:
                while True:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    for descriptor, _events in epoll.poll(0, _AT_ONCE):
                        if call := self._calls.get(descriptor):  # another one may have removed it
                            call()
        finally:
            if self._epoll is epoll:  # all ends, and who is on the list hears of it after this
                self._epoll = None
