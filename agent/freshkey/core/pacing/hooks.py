"""Which hooks run after a publish, in which order, and when one that failed is tried again."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.policy import HookEvent
from freshkey.core.model.struct import Struct, replace
from freshkey.core.pacing.backoff import BASE, CAP, jittered

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class HookRun(Struct, frozen=True):
    """A hook, by its place in the configuration, that is to run from `due_at` on, in seconds."""

    index: int
    failures: int = 0
    due_at: float = -inf


def planned(
    events: Sequence[HookEvent], generation: int, done: int, worked: Collection[int] = ()
) -> tuple[HookRun, ...]:
    """List what is to run for a generation; `done` is the last one whose hooks have all run, or 0.

    A hook of the first publish that has not worked before the next one runs with that, too:
    otherwise it never would. `worked`: the places of such hooks that have, and do not run again.
    """
    wanted = {HookEvent.BOTH}
    if done == 0:
        wanted.add(HookEvent.FIRST)
    if generation > 1:
        wanted.add(HookEvent.ROTATE)
    if generation <= done:
        wanted.clear()
    places = (index for index, event in enumerate(events) if event in wanted)
    return tuple(HookRun(index) for index in places if index not in worked)


def next_run(runs: Sequence[HookRun]) -> HookRun | None:
    """Return the one that is due first; among those that are due at once the order decides."""
    return min(runs, key=lambda run: run.due_at, default=None)  # the first of several


def without(runs: Sequence[HookRun], ended: HookRun) -> tuple[HookRun, ...]:
    """Take away a hook that worked."""
    return tuple(run for run in runs if run.index != ended.index)


def put_off(
    runs: Sequence[HookRun], failed: HookRun, now: float, draw: float
) -> tuple[HookRun, ...]:
    """Try a hook that failed again, with backoff from `now` on; `draw` is in [0, 1)."""
    failures = failed.failures + 1
    later = replace(failed, failures=failures, due_at=now + jittered(BASE, CAP, failures, draw))
    return tuple(later if run.index == failed.index else run for run in runs)
