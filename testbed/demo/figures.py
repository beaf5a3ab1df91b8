"""What the demo shows: read from the agent, the emulator, and the applications themselves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from testbed.demo.agent import Shown
from testbed.demo.consumer import Kind
from testbed.demo.consumers.counts import Counts
from testbed.demo.stage import Stage

ALL_REVOKED_WITHIN: Final = 5
"""Seconds: Vault answers before it has told OpenAI."""


@dataclass(frozen=True)
class Figures:
    """One look. `alive` and `most` are keys at OpenAI, now and at most at once.

    `lease` is that of the key shown, in seconds.
    """

    seconds: float
    shown: Shown | None
    lease: int
    alive: int
    most: int
    mints: int
    published: int
    consumers: tuple[tuple[Kind, Counts], ...]
    events: tuple[str, ...]

    @property
    def rotations(self) -> int:
        """Keys published after the first one."""
        return max(0, self.published - 1)


def look(stage: Stage, seconds: float) -> Figures:
    """Gather the figures after so many seconds."""
    keys = stage.openai.state()["overall"]
    stage.agent.events.update()
    for consumer in stage.consumers:
        consumer.update()
    return Figures(
        seconds=seconds,
        shown=stage.agent.shown(),
        lease=stage.agent.events.lease,
        alive=keys["live"],
        most=keys["high_water"],
        mints=keys["mints"],
        published=stage.agent.events.published,
        consumers=tuple((consumer.kind, consumer.counts) for consumer in stage.consumers),
        events=tuple(stage.agent.events.recent),
    )


def settle(stage: Stage) -> None:
    """Wait until no key is left at OpenAI, or has been long enough for one that stays."""
    deadline = time.monotonic() + ALL_REVOKED_WITHIN
    while stage.openai.state()["overall"]["live"] and time.monotonic() < deadline:
        time.sleep(0.05)


def died(stage: Stage) -> list[str]:
    """Say which part ended by itself, a line each."""
    return list(_died(stage))


def _died(stage: Stage) -> Iterator[str]:
    if not (stage.agent.running or stage.agent.killed):
        yield stage.agent.last_words()
    if not stage.vault.process.running:
        yield f"Vault ended by itself: {stage.vault.process.tail(1)}"
    for consumer in stage.consumers:
        if not consumer.running:
            yield consumer.last_words()


def unserved(figures: Figures) -> list[str]:
    """Say which consumer of the agent's was let down, a line each."""
    lines = []
    for kind, counts in figures.consumers:
        if not kind.kept_fresh:
            continue
        if counts.refused or counts.failed:
            lines.append(
                f"the consumer {kind.name!r} had {counts.refused} requests refused and "
                f"{counts.failed} failed, the last one: {counts.last_error}"
            )
        elif not counts.served:
            lines.append(f"the consumer {kind.name!r} made no request")
    return lines
