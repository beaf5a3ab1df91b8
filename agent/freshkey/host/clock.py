"""The two clocks: leases run on one, and people read the other."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_JUMP: Final = 5.0  # seconds by which the wall clock may move before leases are looked up
_FLICKER: Final = 1.0  # less than this is left alone, so that a printed time stays the same


def boot_time() -> float:
    """Seconds on CLOCK_BOOTTIME, which counts a suspended machine's time too (time(7))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall_time() -> float:
    """Seconds since 1970 on the clock that people read, and may set (time(7))."""
    return time.time()


class WallClock:
    """Translates instants of the lease clock for people, and notices when the wall clock jumps."""

    def __init__(
        self,
        wall: Callable[[], float] = wall_time,
        boot: Callable[[], float] = boot_time,
    ) -> None:
        self._wall = wall
        self._boot = boot
        self._seen = self._shown = wall() - boot()

    def jumped(self) -> bool:
        """Whether the wall clock moved by more than 5 s against the lease clock since last asked.

        Printed times follow such a step, and any other of a second or more, from here on.
        """
        offset = self._wall() - self._boot()
        moved = abs(offset - self._seen)
        self._seen = offset
        if abs(offset - self._shown) >= _FLICKER:
            self._shown = offset
        return moved > _JUMP

    def not_after(self, expires_at: float) -> str:
        """The wall-clock time of an instant: RFC 3339, UTC with `Z`, whole seconds, never late."""
        moment = datetime.fromtimestamp(math.floor(expires_at + self._shown), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def expires_in(self, expires_at: float) -> int:
        """Whole seconds until an instant, rounded down; negative once it is past."""
        return math.floor(expires_at - self._boot())
