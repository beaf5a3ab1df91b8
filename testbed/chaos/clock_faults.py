"""The wall clock jumps, for the agent alone: shifted_clock.c says how."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from testbed.chaos.trial import Trial

SOURCE: Final = Path(__file__).with_name("shifted_clock.c")
JUMPS: Final = (3600, -3600, 0)
JUMP_EVERY: Final = 8.0
"""Seconds, both: how far the clock is off then, and for how long. Both agents replace a key while
it is off."""


@contextmanager
def own_clock(trial: Trial) -> Iterator[None]:
    """Run the agent with a wall clock that can be set."""
    program = trial.site.directory / "shifted-clock"
    subprocess.run(["gcc", "-O2", "-o", program, SOURCE], check=True)
    trial.prefix = [program, _offset(trial)]
    _set(trial, 0)
    yield


def jump(trial: Trial) -> None:
    """Set the clock an hour forward, an hour back, and right again."""
    for seconds in JUMPS:
        trial.wait(JUMP_EVERY)
        _set(trial, seconds)


def _offset(trial: Trial) -> Path:
    return trial.site.directory / "offset"


def _set(trial: Trial, seconds: int) -> None:
    new = trial.site.directory / "offset.new"
    new.write_text(f"{seconds}\n")
    new.replace(_offset(trial))
