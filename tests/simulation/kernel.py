"""What the kernel tells an agent: signals, and that something has changed in a directory."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from signal import Signals
from typing import TYPE_CHECKING, Final

import trio
from freshkey.daemon import config_watch

from tests.simulation.broken import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOOK_AGAIN: Final = config_watch._LOOK_AGAIN / 1000  # noqa: SLF001 - what is replaced waits for it


class Kernel:
    """One for all lives: a signal that is sent before an agent listens waits until it does."""

    def __init__(self) -> None:
        self.begin_life()
        self._changed = trio.Event()

    def begin_life(self) -> None:
        """Forget what was sent to the agent before, and what that listened to."""
        self._listened: tuple[int, ...] = ()
        self._signals, self._received = trio.open_memory_channel[int](inf)

    def send(self, signal: int) -> None:
        """Send a signal, in order; raises BrokenError where that would end an agent."""
        if self._listened and signal not in self._listened:
            raise BrokenError(9, f"the agent does not listen to {Signals(signal).name}")
        self._signals.send_nowait(signal)

    @contextmanager
    def open_signal_receiver(self, *signals: int) -> Iterator[trio.MemoryReceiveChannel[int]]:
        """Give what has been sent; in the place of trio's, which it has the name of."""
        self._listened = signals
        yield self._received

    def tell_of_change(self) -> None:
        """Tell who waits that something has changed in the configuration's directory."""
        self._changed.set()
        self._changed = trio.Event()

    async def directory_changes(self, _path: Path) -> bool:
        """Wait for a change from now on; False when the agent is to look without one."""
        with trio.move_on_after(_LOOK_AGAIN):
            await self._changed.wait()
            return True
        return False
