"""Notices what somebody else does to the agent's files: a cleaner of /run, a volume remounted.

By looking: a few calls to the kernel for each file every two seconds. What a mount hides, and what
is in a directory that was moved, no notification would tell of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio

from freshkey.core.model.events import FilesChanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.state import AgentState

LOOK_EVERY: Final = 2.0  # seconds


class Disk(Protocol):
    """What is looked at."""

    def changed(self) -> Iterable[str]:
        """Name the keys whose files somebody else has changed."""

    def tidy(self) -> None:
        """Remove what is left of keys that are not configured any more."""

    def write_journal(self, state: AgentState) -> None:
        """See to the state directory and its journal."""


class Loop(Protocol):
    """Who is told."""

    state: AgentState

    def send(self, event: FilesChanged) -> None:
        """Hand an event to the loop."""


async def watch_disk(disk: Disk, loop: Loop) -> None:
    """Look for ever, every two seconds; repair each change at most once in a look."""
    while True:
        await trio.sleep(LOOK_EVERY)
        for name in disk.changed():
            loop.send(FilesChanged(name))
        disk.tidy()
        disk.write_journal(loop.state)
