"""Users take turns, however long one of them takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.sockets.fair_queue import FairQueue
from trio.testing import wait_all_tasks_blocked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GREEDY, MODEST = 1, 2


@pytest.fixture
async def fair_queue(nursery: trio.Nursery) -> AsyncIterator[FairQueue]:
    fair_queue = FairQueue()
    nursery.start_soon(fair_queue.run)
    yield fair_queue
    nursery.cancel_scope.cancel()


async def test_a_few_turns_cost_no_checkpoint(fair_queue: FairQueue) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        for _ in range(8):
            await fair_queue.take(GREEDY)
        assert not scope.cancelled_caught
        assert not fair_queue.crowded(GREEDY)
        await fair_queue.take(GREEDY)  # this one waits, which a cancelled scope does not
    assert scope.cancelled_caught


async def test_a_newcomer_does_not_wait_for_the_line_of_another_user(
    fair_queue: FairQueue, nursery: trio.Nursery
) -> None:
    taken = 0

    async def flood() -> None:
        nonlocal taken
        while True:
            await fair_queue.take(GREEDY)
            taken += 1

    for _ in range(400):
        nursery.start_soon(flood)
    while taken < 10_000:
        await trio.lowlevel.checkpoint()
    assert fair_queue.crowded(GREEDY)
    assert not fair_queue.crowded(MODEST)
    start = taken
    for _ in range(20):
        before = taken
        await fair_queue.take(MODEST)
        assert taken == before
        await trio.lowlevel.checkpoint()  # a pass: nor is the pass long
        assert taken - before <= 16
    assert taken > start


async def test_within_a_user_first_come_first_served(nursery: trio.Nursery) -> None:
    fair_queue = FairQueue()
    served: list[int] = []

    async def visit(number: int) -> None:
        await fair_queue.take(GREEDY)
        served.append(number)

    for number in range(48):
        nursery.start_soon(visit, number)
        await wait_all_tasks_blocked()
    assert served == list(range(8))
    nursery.start_soon(fair_queue.run)
    await wait_all_tasks_blocked()
    # Within a pass trio shuffles.
    passes = [sorted(served[start : start + 8]) for start in range(0, 48, 8)]
    assert [number for each in passes for number in each] == list(range(48))
    nursery.cancel_scope.cancel()


async def test_who_leaves_the_line_takes_no_turn(fair_queue: FairQueue) -> None:
    for _ in range(8):
        await fair_queue.take(GREEDY)
    with trio.move_on_after(0) as scope:
        await fair_queue.take(GREEDY)
    assert scope.cancelled_caught
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    assert not fair_queue.crowded(GREEDY)


async def test_each_pass_has_turns_again(fair_queue: FairQueue) -> None:
    for _ in range(3):
        for _ in range(8):
            await fair_queue.take(GREEDY)
        assert not fair_queue.crowded(GREEDY)
        await trio.lowlevel.checkpoint()


async def test_slow_turns_are_not_more_turns(fair_queue: FairQueue, nursery: trio.Nursery) -> None:
    taken = 0

    async def burst() -> None:
        nonlocal taken
        for _ in range(100):
            await fair_queue.take(GREEDY)
            time.sleep(0.001)  # noqa: ASYNC251 - work, which holds the loop up
            taken += 1

    nursery.start_soon(burst)
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    assert 0 < taken <= 16
