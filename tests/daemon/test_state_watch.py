"""A state directory that somebody else removes, replaces, or opens up, in virtual time."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.events import RotateRequested
from freshkey.outputs.state_dir import StateDirectory
from structlog.testing import capture_logs

from tests.daemon.on_disk import OnDisk
from tests.daemon.tampering import (
    another_agent,
    is_locked,
    move,
    remove,
    replace_by_a_link,
    replace_by_an_empty_one,
)
from tests.outputs.helpers import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock


@pytest.mark.parametrize("take", [remove, move, replace_by_an_empty_one, replace_by_a_link])
async def test_it_is_made_anew_with_lock_and_journal(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    take: Callable[[Path], None],
) -> None:
    await on_disk.start(nursery)
    take(on_disk.state)
    await on_disk.look()
    assert on_disk.is_journaled()
    assert stat.S_IMODE(on_disk.state.stat().st_mode) == 0o700
    assert stat.S_IMODE(on_disk.journal.stat().st_mode) == 0o600
    assert is_locked(on_disk.state)
    assert on_disk.events() == ["state.restored"]


async def test_it_is_made_anew_before_a_mint(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A step does not wait for the next look."""
    await on_disk.start(nursery)
    remove(on_disk.state)
    on_disk.loop.send(RotateRequested("billing", compromised=False, now=False))
    await trio.sleep(on_disk.latency / 2)
    assert json.loads(on_disk.journal.read_text())["ledger"]["keys"][0]["intent"] is not None


async def test_one_that_comes_back_is_gone_on_with(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    inode = on_disk.state.stat().st_ino
    move(on_disk.state)
    await on_disk.look()
    on_disk.loop.send(RotateRequested("billing", compromised=False, now=False))
    await on_disk.look()
    remove(on_disk.state)
    on_disk.state.with_name("moved").rename(on_disk.state)
    on_disk.told.clear()
    await on_disk.look()
    assert on_disk.state.stat().st_ino == inode
    assert on_disk.is_journaled(), "with the key that was minted meanwhile"
    assert is_locked(on_disk.state)
    assert on_disk.events() == ["state.restored"]
    assert names(on_disk.state) == ["journal.json", "lock"]


async def test_one_that_another_agent_holds_is_never_written_to(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    replace_by_an_empty_one(on_disk.state)
    with another_agent(on_disk.state):
        (on_disk.state / "journal.json").write_text("of the other agent")
        await on_disk.look()
        on_disk.loop.send(RotateRequested("billing", compromised=False, now=False))
        await on_disk.look()
        assert on_disk.journal.read_text() == "of the other agent"
        assert on_disk.key_file.read_text() == on_disk.key, "keys go on"
        (line,) = on_disk.told
        assert (line["event"], line["fault"]) == ("state.failed", "output")
        assert "is in use by process 1 (other): stop that" in line["message"]
        on_disk.told.clear()
    await on_disk.look()
    assert on_disk.is_journaled()
    assert (on_disk.state / "journal.json.unreadable-1").read_text() == "of the other agent"
    assert on_disk.events() == ["state.restored", "journal.set_aside"]


@pytest.mark.parametrize("mode", [0o777, 0o500, 0])
async def test_one_of_another_mode_is_made_private(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock, mode: int
) -> None:
    await on_disk.start(nursery)
    on_disk.state.chmod(mode)
    await on_disk.look()
    assert stat.S_IMODE(on_disk.state.stat().st_mode) == 0o700
    (line,) = on_disk.told
    assert (line["event"], line["change"]) == (
        "state.restored",
        f"belonged to uid {os.getuid()} with mode {mode:04o}",
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a directory away")
async def test_one_that_was_given_away_is_taken_back(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    os.chown(on_disk.state, 12345, 54321)
    await on_disk.look()
    assert on_disk.state.stat().st_uid == os.getuid()
    assert on_disk.events() == ["state.restored"]


async def test_another_directory_that_others_may_enter_is_refused_until_it_is_corrected(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    remove(on_disk.state)
    on_disk.state.mkdir(0o755)
    on_disk.state.chmod(0o755)
    await on_disk.look()
    assert names(on_disk.state) == []
    assert on_disk.events() == ["state.failed"]
    on_disk.state.chmod(0o700)
    await on_disk.look()
    assert on_disk.is_journaled()
    assert on_disk.events() == ["state.restored"]


async def test_without_a_journal_the_lock_is_kept(
    tmpfs_path: Path, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    with (
        capture_logs() as told,
        StateDirectory.open(tmpfs_path / "state", allow_disk=True) as directory,
    ):
        agent = OnDisk(tmpfs_path, directory, told, persist=False)
        await agent.start(nursery)
        remove(agent.state)
        await agent.look()
        assert names(agent.state) == ["lock"]
        assert is_locked(agent.state)
        assert agent.events() == ["state.restored"]
        nursery.cancel_scope.cancel()


async def test_a_directory_that_can_not_be_made_is_told_once(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    remove(on_disk.state)
    on_disk.state.write_text("a file")
    await on_disk.look()
    await on_disk.look()
    assert on_disk.events() == ["state.failed"]
    assert on_disk.key_file.read_text() == on_disk.key
    on_disk.state.unlink()
    await on_disk.look()
    assert on_disk.is_journaled()
    assert on_disk.events() == ["state.restored"]
