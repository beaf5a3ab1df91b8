"""What the kernel tells an agent: signals, and that something has changed in a directory."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOOK_AGAIN: Final = 60.0  # seconds after which the agent looks itself, whatever it is told


class Kernel:
    """One for all lives: what is sent before an agent listens waits until it does."""

    def __init__(self) -> None:
        self.begin_life()
        self._changed = trio.Event()

    def begin_life(self) -> None:
        """Forget what was sent to the agent before."""
        self._signals, self._received = trio.open_memory_channel[int](inf)

    def send(self, signal: int) -> None:
        """Send a signal, in order."""
        self._signals.send_nowait(signal)

    @contextmanager
    def open_signal_receiver(self, *_signals: int) -> Iterator[trio.MemoryReceiveChannel[int]]:
        """Give what has been sent; in the place of trio's, which it has the name of."""
        yield self._received

    def tell_of_change(self) -> None:
        """Tell who waits that something has changed in the configuration's directory."""
        self._changed.set()
        self._changed = trio.Event()

    async def directory_changes(self, _path: Path) -> bool:
        """Wait for a change; False after a minute."""
        with trio.move_on_after(_LOOK_AGAIN):
            await self._changed.wait()
            return True
        return False
