"""What the demo shows: read from the agent, the emulator, and the applications themselves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from testbed.demo.agent import PublishedKey
from testbed.demo.consumer import ConsumerKind
from testbed.demo.consumers.counts import Counts
from testbed.demo.environment import Environment

ALL_REVOKED_WITHIN: Final = 5
"""Seconds: Vault answers before it has told OpenAI."""


@dataclass(frozen=True)
class Measurements:
    """All figures at one instant. `live_keys` and `max_live_keys` are keys at OpenAI.

    `lease` is that of the published key, in seconds.
    """

    seconds: float
    published_key: PublishedKey | None
    lease: int
    live_keys: int
    max_live_keys: int
    mints: int
    published: int
    consumers: tuple[tuple[ConsumerKind, Counts], ...]
    events: tuple[str, ...]

    @property
    def rotations(self) -> int:
        """Keys published after the first one."""
        return max(0, self.published - 1)


def take_measurements(environment: Environment, seconds: float) -> Measurements:
    """Take all figures, `seconds` after the start."""
    keys = environment.openai.state()["overall"]
    environment.agent.events.update()
    for consumer in environment.consumers:
        consumer.update()
    return Measurements(
        seconds=seconds,
        published_key=environment.agent.published_key(),
        lease=environment.agent.events.lease,
        live_keys=keys["live"],
        max_live_keys=keys["high_water"],
        mints=keys["mints"],
        published=environment.agent.events.published,
        consumers=tuple((consumer.kind, consumer.counts) for consumer in environment.consumers),
        events=tuple(environment.agent.events.recent),
    )


def wait_for_revocations(environment: Environment) -> None:
    """Wait until no key is left at OpenAI, but at most ALL_REVOKED_WITHIN."""
    deadline = time.monotonic() + ALL_REVOKED_WITHIN
    while environment.openai.state()["overall"]["live"] and time.monotonic() < deadline:
        time.sleep(0.05)


def dead_parts(environment: Environment) -> list[str]:
    """Say which part ended by itself, a line each."""
    return list(_find_dead_parts(environment))


def _find_dead_parts(environment: Environment) -> Iterator[str]:
    if not (environment.agent.running or environment.agent.killed):
        yield environment.agent.exit_message()
    if not environment.vault.process.running:
        yield f"Vault ended by itself: {environment.vault.process.tail(1)}"
    for consumer in environment.consumers:
        if not consumer.running:
            yield consumer.exit_message()


def unserved_consumers(measurements: Measurements) -> list[str]:
    """Say which consumer of the agent had requests that were not served, a line each."""
    lines = []
    for kind, counts in measurements.consumers:
        if not kind.follows_rotation:
            continue
        if counts.refused or counts.failed:
            lines.append(
                f"the consumer {kind.name!r} had {counts.refused} requests refused and "
                f"{counts.failed} failed, the last one: {counts.last_error}"
            )
        elif not counts.served:
            lines.append(f"the consumer {kind.name!r} made no request")
    return lines
