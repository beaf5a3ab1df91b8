"""Which hooks run, and when."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.model.policy import HookEvent
from freshkey.core.pacing.hooks import HookRun, next_run, planned, put_off, without

FIRST, ROTATE, BOTH = HookEvent.FIRST, HookEvent.ROTATE, HookEvent.BOTH


@pytest.mark.parametrize(
    ("generation", "done", "expected"),
    [
        (1, 0, [FIRST, BOTH]),
        (2, 1, [ROTATE, BOTH]),
        (7, 3, [ROTATE, BOTH]),
        (2, 0, [FIRST, ROTATE, BOTH]),  # those of the first publish never worked
        (1, 1, []),
        (2, 2, []),
        (1, 2, []),
    ],
)
def test_which(generation: int, done: int, expected: list[HookEvent]) -> None:
    events = [FIRST, ROTATE, BOTH]
    assert [events[run.index] for run in planned(events, generation, done)] == expected


def test_what_runs_once_is_not_planned_again_when_it_has_worked() -> None:
    assert [run.index for run in planned([FIRST, BOTH, FIRST], 2, 0, {0})] == [1, 2]


def test_the_one_that_is_due_first_runs_first() -> None:
    runs = planned([BOTH, BOTH, BOTH], 1, 0)
    assert next_run(runs) == HookRun(0)
    runs = put_off(runs, runs[0], 100.0, 0.5)
    assert next_run(runs) == HookRun(1)
    runs = put_off(without(runs, runs[1]), runs[2], 100.0, 0.25)
    assert next_run(runs) == HookRun(2, failures=1, due_at=100.25)
    assert next_run(without(without(runs, runs[0]), runs[1])) is None


def test_what_was_not_tried_yet_is_due_at_once() -> None:
    (run,) = planned([BOTH], 1, 0)
    assert run.due_at == -inf  # the machine's clock may begin anywhere


def test_the_wait_doubles_up_to_a_minute() -> None:
    (run,) = planned([BOTH], 1, 0)
    waits = []
    for _ in range(9):
        (run,) = put_off((run,), run, 0.0, 1.0)
        waits.append(run.due_at)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_shortest_wait_is_a_tenth_of_the_longest() -> None:
    (run,) = put_off((HookRun(0, failures=9),), HookRun(0, failures=9), 0.0, 0.0)
    assert run.due_at == 6
