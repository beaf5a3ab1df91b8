"""A lock that somebody else removes or takes while the agent runs, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.daemon.tampering import another_agent, is_locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trio
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


def remove_lock(lock: Path) -> None:
    lock.unlink()


def replace_lock(lock: Path) -> None:
    lock.with_name("other").touch()
    lock.with_name("other").rename(lock)


def link_lock(lock: Path) -> None:
    lock.unlink()
    lock.symlink_to("elsewhere")


def make_lock_a_directory(lock: Path) -> None:
    lock.unlink()
    lock.mkdir()


@pytest.mark.parametrize("harm", [remove_lock, replace_lock, link_lock, make_lock_a_directory])
async def test_a_lock_that_keeps_nobody_out_is_taken_anew(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    harm: Callable[[Path], None],
) -> None:
    await on_disk.start(nursery)
    harm(on_disk.state / "lock")
    assert not is_locked(on_disk.state)
    if (on_disk.state / "lock").is_symlink():
        assert not (on_disk.state / "elsewhere").exists()
    await on_disk.look()
    assert is_locked(on_disk.state)
    assert on_disk.events() == ["state.restored"]


async def test_a_lock_that_another_agent_took_meanwhile_is_left_to_it(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    (on_disk.state / "lock").unlink()
    with another_agent(on_disk.state):
        on_disk.journal.unlink()
        on_disk.journal.write_text("of the other agent")
        await on_disk.look()
        assert on_disk.journal.read_text() == "of the other agent"
        assert on_disk.events() == ["state.failed"]
    await on_disk.look()
    assert on_disk.is_journaled()
    assert is_locked(on_disk.state)
