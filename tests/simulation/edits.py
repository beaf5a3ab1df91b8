"""9. An edit of the configuration takes effect, and once: a reload begins a lot anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.simulation.agent import Down
from tests.simulation.broken import BrokenError
from tests.simulation.histories import Kind, Told

if TYPE_CHECKING:
    from tests.simulation.configuration_file import Edited, Read
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

_PAUSE: Final = 8.0  # seconds without a look, at most, after another file has changed
_SETTLING: Final = 2.0  # seconds in which a content must not change again, and a start
_MINUTE: Final = 60.0  # seconds after which the agent looks, though nobody tells it to
READ_WITHIN: Final = {
    Told.BY_SIGNAL: 0.5,  # before the kernel's word would have it read
    Told.BY_KERNEL: _PAUSE + _SETTLING,
    Told.BY_NOBODY: _MINUTE + _PAUSE + _SETTLING,
}
"""Seconds to the read of an edit, at most."""


def edits_are_read_once(outcome: Outcome) -> None:
    """Look at each life."""
    world, lives = outcome.world, outcome.lives
    file = lives.file
    starts = [index for index, read in enumerate(file.reads) if read.is_start]
    downs = [*lives.downs, Down(lives.ended_at, lives.ended_at, lives.stopped_at)]
    for start, following, down in zip(starts, [*starts, None][1:], downs, strict=True):
        reads = file.reads[start:following]
        edits = [edit for edit in file.edits if reads[0].at <= edit.at <= down.began]
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
        taken = [read.is_taken for read in reads if edit.at <= read.at <= until]
        if until < following and edit.is_good not in taken:
            done = "taken" if edit.is_good else "refused"
            what = f"an edit at {edit.at:.3f}, told {edit.told.described},"
            raise BrokenError(9, f"{what} is not {done} until {until:.3f}")


def _past_sleep(world: World, began: float, seconds: float) -> float:
    """Return when so much time has passed that the machine did not sleep."""
    until = began + seconds
    for one in world.past:
        if one.kind is Kind.SUSPENDED and began <= one.at + one.seconds and one.at <= until:
            until += one.seconds
    return until
