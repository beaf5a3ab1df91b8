"""While the journal can't be written, the old one names leases: a later start would serve them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.actions import Revoke
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import replace
from freshkey.outputs.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk

OVERLAP = 300.0


@contextmanager
def full_disk() -> Iterator[None]:
    """Keep the journal from being written, and nothing else."""

    def fails(*_: object) -> None:
        raise FaultError(Fault(FaultKind.OUTPUT, "No space left on device"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "write", fails)
        yield


def revoked(agent: OnDisk) -> list[str]:
    return [order.lease_id for order in agent.orders if isinstance(order, Revoke)]


def published_lease(agent: OnDisk) -> str:
    current = agent.loop.state.keys[0].current
    assert current is not None
    return current.lease.id


async def test_what_it_names_as_published_is_not_revoked_until_it_is_written(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    old = published_lease(on_disk)
    with full_disk():
        on_disk.loop.send(RotateRequested("billing"))
        await trio.sleep(2 * OVERLAP)
        assert published_lease(on_disk) != old
        assert revoked(on_disk) == []
        trouble = on_disk.loop.state.keys[0].trouble
        assert trouble is not None
        told = f"{on_disk.journal} can't be written, and still names it as in use"
        assert trouble.fault.message == told
    await trio.sleep(OVERLAP)
    assert revoked(on_disk) == [old]
    assert on_disk.holds()


@pytest.mark.parametrize("now", [False, True])
async def test_what_is_compromised_goes_all_the_same(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock, *, now: bool
) -> None:
    await on_disk.start(nursery)
    old = published_lease(on_disk)
    with full_disk():
        on_disk.loop.send(RotateRequested("billing", compromised=True, now=now))
        await trio.sleep(5)
        assert revoked(on_disk) == [old]


async def test_what_it_does_not_name_is_revoked(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    with full_disk():
        on_disk.loop.send(RotateRequested("billing"))
        await trio.sleep(2 * OVERLAP)
        second = published_lease(on_disk)
        on_disk.loop.send(RotateRequested("billing"))
        await trio.sleep(2 * OVERLAP)
        assert revoked(on_disk) == [second]


async def test_one_that_would_serve_what_is_revoked_does_not_outlive_the_agent(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    state = on_disk.loop.state
    (key,) = state.keys
    with full_disk():
        on_disk.keeper.close(replace(state, keys=(replace(key, current=None),)))
        assert not on_disk.journal.exists()


async def test_one_that_names_what_lives_stays(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    with full_disk():
        on_disk.loop.send(RotateRequested("billing"))
        await trio.sleep(2 * OVERLAP)
        on_disk.keeper.close(on_disk.loop.state)
        assert on_disk.journal.exists()
