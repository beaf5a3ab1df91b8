"""9. An edit of the configuration takes effect, and once: a reload begins a lot anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.agent import Down
from tests.simulation.broken import BrokenError
from tests.simulation.histories import Kind, Told

if TYPE_CHECKING:
    from tests.simulation.agent import Edited, Read
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

READ_WITHIN: Final = {Told.BY_SIGNAL: 1.0, Told.BY_KERNEL: 13.0, Told.BY_NOBODY: 73.0}
"""Seconds to the read of an edit: two after a start, eight of a pause, and two to settle."""


def edits_are_read_once(outcome: Outcome) -> None:
    """Look at each life."""
    world, lives = outcome.world, outcome.lives
    starts = [index for index, read in enumerate(lives.reads) if read.is_start]
    downs = [*lives.downs, Down(lives.ended_at, lives.ended_at, lives.stopped_at)]
    for start, following, down in zip(starts, [*starts, None][1:], downs, strict=True):
        reads = lives.reads[start:following]
        edits = [edit for edit in lives.edits if reads[0].at <= edit.at <= down.began]
        _none_is_read_twice(reads, edits)
        stopped_at = down.began if down.stopped_at is None else down.stopped_at
        _none_is_missed(world, reads, edits, stopped_at)


def _none_is_read_twice(reads: list[Read], edits: list[Edited]) -> None:
    instants = sorted({read.at for read in reads if not read.is_start})
    for count, at in enumerate(instants, 1):
        if count > sum(edit.at <= at for edit in edits):
            raise BrokenError(9, f"the configuration is read at {at:.3f} without an edit")


def _none_is_missed(world: World, reads: list[Read], edits: list[Edited], ended: float) -> None:
    for edit, following in zip(edits, [*(edit.at for edit in edits), ended][1:], strict=True):
        before = [read.text for read in reads if read.at <= edit.at]
        if before[-1] == edit.text and edit.told is not Told.BY_SIGNAL:
            continue
        until = _past_sleep(world, edit.at, READ_WITHIN[edit.told])
        if until < following and not any(edit.at <= read.at <= until for read in reads):
            what = f"an edit at {edit.at:.3f}, told of {edit.told.name.lower()},"
            raise BrokenError(9, f"{what} is not read until {until:.3f}")


def _past_sleep(world: World, began: float, seconds: float) -> float:
    """Return when so much time has passed that the machine did not sleep."""
    until = began + seconds
    for one in world.past:
        if one.kind is Kind.SUSPENDED and began <= one.at + one.seconds and one.at <= until:
            until += one.seconds
    return until
