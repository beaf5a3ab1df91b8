"""Notices clients that hang up while OpenAI works for them: nobody reads from them then."""

from __future__ import annotations

import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_LOOK_EVERY: Final = 0.25  # seconds
# A client that only shuts its side for sending counts as well, as for nginx.
_GONE: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR


@final
class HangUps:
    """Asks the kernel for all clients at once, four times a second; cancels what nobody awaits."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._scopes: dict[int, trio.CancelScope] = {}
        self._some = trio.Event()
        self._is_stopped = False

    @contextmanager
    def cancelling(self, sock: socket.socket) -> Iterator[trio.CancelScope]:
        """Cancel what is within when the client hangs up."""
        number = sock.fileno()
        with trio.CancelScope() as scope:
            self._poll.register(number, select.POLLRDHUP)
            self._scopes[number] = scope
            self._some.set()
            try:
                yield scope
            finally:
                del self._scopes[number]
                self._poll.unregister(number)

    @property
    def watched(self) -> int:
        """How many clients are looked at now."""
        return len(self._scopes)

    def stop(self) -> None:
        """Notice nobody any more: whoever stops the server ends what clients may send."""
        self._is_stopped = True
        self._some.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._some.wait()
            if not self._is_stopped:
                await trio.sleep(_LOOK_EVERY)
            if self._is_stopped:
                return
            for number, _events in self._poll.poll(0):
                self._scopes[number].cancel()
            if not self._scopes:
                self._some = trio.Event()
