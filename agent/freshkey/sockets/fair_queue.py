"""Who gets the processor next: users take turns, however many connections one has."""

from __future__ import annotations

from collections import Counter
from typing import Final, final

import trio

_AT_ONCE: Final = 8  # turns of one user in a pass of trio's loop: half a millisecond


@final
class FairQueue(trio.abc.Instrument):
    """Lets each user do as much as any other; within a user, first come, first served.

    A turn is a piece of work between two checkpoints, such as one answer. Without this a pass of
    trio's loop lasts as long as the busiest user likes, and a newcomer waits for several of them.
    """

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()  # in this pass
        self._lines: dict[int, trio.lowlevel.ParkingLot] = {}
        self._crowded = trio.Event()

    def crowded(self, uid: int) -> bool:
        """Say whether this user has used up their turns, so that others of theirs wait."""
        return uid in self._lines

    async def take(self, uid: int) -> None:
        """Wait for a turn of this user; a checkpoint only when there is something to wait for."""
        line = self._lines.get(uid)
        if line is None:
            if self._taken[uid] < _AT_ONCE:
                self._taken[uid] += 1
                return
            line = self._lines[uid] = trio.lowlevel.ParkingLot()
            self._crowded.set()
        await line.park()

    def after_io_wait(self, _timeout: float) -> None:
        """Begin a pass; called by trio."""
        self._taken.clear()

    async def run(self) -> None:
        """Let those in line have their turns; runs as long as there may be anybody."""
        trio.lowlevel.add_instrument(self)
        try:
            while True:
                await self._crowded.wait()
                while self._lines:
                    await trio.lowlevel.checkpoint()  # the next pass
                    for uid, line in list(self._lines.items()):
                        line.unpark(count=_AT_ONCE)
                        if not line:
                            del self._lines[uid]
                self._crowded = trio.Event()
        finally:
            trio.lowlevel.remove_instrument(self)
