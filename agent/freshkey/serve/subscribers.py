"""Those who wait for a key's next view."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE: Final = 16  # are woken in one pass of trio's loop, before anybody else has a turn


@final
class Subscribers:
    """Calls functions that wake somebody: all of them, and only some in one pass.

    A crowd that answers at once would hold up everybody else.
    """

    def __init__(self) -> None:
        self._wakes: dict[Callable[[], None], None] = {}  # in the order of their coming
        self._due: deque[Callable[[], None]] = deque()

    def add(self, wake: Callable[[], None]) -> None:
        """Have `wake` called at every notice, until it is removed."""
        self._wakes[wake] = None

    def remove(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        del self._wakes[wake]

    def notify(self) -> None:
        """Wake all who wait now."""
        under_way = bool(self._due)
        self._due = deque(self._wakes)
        if self._due and not under_way:
            self._wake_some()

    def _wake_some(self) -> None:
        for _ in range(min(_AT_ONCE, len(self._due))):
            wake = self._due.popleft()
            if wake in self._wakes:
                wake()
        if self._due:
            trio.lowlevel.current_trio_token().run_sync_soon(self._wake_some)
