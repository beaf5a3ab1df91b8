"""The wall clock jumps, for the agent alone: shifted_clock.c says how."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from testbed.chaos.agent_run import AgentRun

SOURCE: Final = Path(__file__).with_name("shifted_clock.c")
JUMPS: Final = (3600, -3600, 0)
JUMP_EVERY: Final = 8.0
"""Seconds, both: how far the clock is off then, and for how long. Both agents replace a key while
it is off."""


@contextmanager
def own_clock(agent_run: AgentRun) -> Iterator[None]:
    """Run the agent with a wall clock that can be set."""
    program = agent_run.site.directory / "shifted-clock"
    subprocess.run(["gcc", "-O2", "-o", program, SOURCE], check=True)
    agent_run.prefix = [program, _offset(agent_run)]
    _set(agent_run, 0)
    yield


def jump(agent_run: AgentRun) -> None:
    """Set the clock an hour forward, an hour back, and right again."""
    for seconds in JUMPS:
        agent_run.wait(JUMP_EVERY)
        _set(agent_run, seconds)


def _offset(agent_run: AgentRun) -> Path:
    return agent_run.site.directory / "offset"


def _set(agent_run: AgentRun, seconds: int) -> None:
    new = agent_run.site.directory / "offset.new"
    new.write_text(f"{seconds}\n")
    new.replace(_offset(agent_run))
