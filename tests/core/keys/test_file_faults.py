"""Behaviour 10: files that can't be written or removed are tried again, and told of."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.keys.publishing import (
    on_published,
    on_withdrawn,
    plan,
    publication,
    restore,
)
from freshkey.core.model.actions import Level, Publish
from freshkey.core.model.events import Published
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace

from tests.core.contexts import context_of, ordered, records
from tests.core.scripts import FORBIDDEN, FULL_DISK, policy
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState
    from freshkey.core.pacing.context import StepContext

NEXT = Secret("sk-next")


def running(**options: Any) -> World:  # noqa: ANN401 - KeyPolicy's
    return World(policy(**{"check_every": 60, "probe_every": 300, **options})).start().run(10)


def answered(world: World, key: KeyState, context: StepContext, *, written: bool) -> KeyState:
    """The key after its files were written, or one could not be."""
    shown = publication(key, world.state.tokens)
    assert shown is not None
    faults = () if written else (FULL_DISK,)
    return on_published(key, Published(Publish(key.name, shown), faults), context)


def troubled(world: World, operation: Operation, **changed: Any) -> KeyState:  # noqa: ANN401 - KeyState's
    return replace(world.key(), trouble=Trouble(operation, FORBIDDEN, 1.0), **changed)


@pytest.mark.parametrize(
    ("operation", "stays"), [(Operation.PUBLISH, False), (Operation.MINT, True)]
)
def test_written_files_mend_the_fault_of_files_alone(operation: Operation, *, stays: bool) -> None:
    world = running()
    before = troubled(world, operation)
    after = answered(world, before, context_of(world), written=True)
    assert (after.trouble == before.trouble) is stays
    assert (after.trouble is None) is not stays


@pytest.mark.parametrize(("failures", "times"), [(0, 0), (3, 1)])
def test_files_that_work_again_are_told_of(failures: int, times: int) -> None:
    world = running()
    context = context_of(world)
    key = replace(world.key(), write_failures=failures)
    assert answered(world, key, context, written=True).write_failures == 0
    assert len(records(context, "key.files_recovered")) == times


def test_files_that_fail_are_tried_again_after_a_backoff_that_stays_short() -> None:
    world = running()
    key = replace(world.key(), write_failures=9)
    waits = []
    for seed in range(50):
        failed = answered(world, key, context_of(world, seed=seed), written=False)
        waits.append(failed.rewrite_at - world.now)
        assert failed.write_failures == 10
        assert failed.trouble == Trouble(Operation.PUBLISH, FULL_DISK, world.now)
    assert 0.5 <= min(waits) < 1
    assert 4 < max(waits) <= 5


def test_a_full_disk_does_not_fill_the_log() -> None:
    world = running()
    context = context_of(world)
    key, told_at = world.key(), []
    for number in range(1, 10):
        before = len(records(context, "key.file_failed"))
        key = answered(world, key, context, written=False)
        told_at += [number] * (len(records(context, "key.file_failed")) - before)
    assert told_at == [1, 2, 4, 8]
    first = records(context, "key.file_failed")[0]
    assert first.level is Level.WARNING
    assert dict(first.fields) == {
        "key": "billing",
        "fault": "output",
        "message": "no space left on device",
    }


@pytest.mark.parametrize(
    ("changed", "orders"),
    [
        ({}, []),
        ({"rewrite_at": 1000.0}, ["Publish"]),
        ({"written_until": 1000.0}, ["Publish"]),
        ({"rewrite_at": 1000.0, "publishing": True}, []),
        ({"rewrite_at": 1000.0, "current": None}, ["Withdraw"]),
        ({"current": None}, []),
    ],
)
def test_files_are_written_or_removed_when_that_is_due(
    changed: dict[str, Any], orders: list[str]
) -> None:
    world = running()
    context = context_of(world)
    after = plan(replace(world.key(), **changed), context)
    assert ordered(context) == orders
    assert after.rewrite_at == inf or after.publishing


@pytest.mark.parametrize(("withdrawn", "order"), [(True, "Withdraw"), (False, "Publish")])
def test_files_that_somebody_changed_are_restored(order: str, *, withdrawn: bool) -> None:
    world = running()
    context = context_of(world)
    restore(replace(world.key(), withdrawn=withdrawn), context)
    assert ordered(context) == [order]


def test_a_file_that_can_not_be_removed_is_tried_again() -> None:
    world = running()
    gone = replace(world.key(), current=None, withdrawn=True)
    assert on_withdrawn(gone, (), context_of(world)) == gone
    assert on_withdrawn(world.key(), (FULL_DISK,), context_of(world)) == world.key()
    after = on_withdrawn(gone, (FULL_DISK,), context_of(world))
    assert after.rewrite_at > world.now
    assert after.trouble == Trouble(Operation.WITHDRAW, FULL_DISK, world.now)
