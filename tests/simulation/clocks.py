"""What the agent's modules get in the place of `time`: every clock is trio's virtual one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import trio

BOOT_AT: Final = 1000.0  # a machine that is up for a while
WALL_AT: Final = 1_800_000_000.0


@dataclass
class Clocks:
    """Lease clock, wall clock, and what moves them against each other."""

    suspended: float = 0.0  # seconds that trio's clock did not see
    wall_moved: float = 0.0
    began_at: float = 0.0  # on trio's clock

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def elapsed(self) -> float:
        """Seconds from the beginning of the history, suspended ones too."""
        return trio.current_time() - self.began_at + self.suspended

    def clock_gettime(self, clock: int) -> float:
        """Read the lease clock; no other is asked for."""
        assert clock == time.CLOCK_BOOTTIME
        return BOOT_AT + self.elapsed()

    def time(self) -> float:
        """Read the wall clock."""
        return WALL_AT + self.elapsed() + self.wall_moved

    def monotonic(self) -> float:
        """Read the clock that stops while the machine is suspended."""
        return trio.current_time()
