"""What somebody else does to the state directory while the agent runs, in virtual time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
from contextlib import contextmanager
from errno import ENOSPC
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.faults import FaultError
from freshkey.outputs.state_dir import StateDirectory
from structlog.testing import capture_logs

from tests.daemon.on_disk import OnDisk
from tests.outputs.helpers import in_child, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio.testing import MockClock


def is_locked(state: Path) -> bool:
    """Whether another agent would be refused."""

    def take() -> str:
        try:
            StateDirectory.open(state, allow_disk=True).close()
        except FaultError as error:
            return error.fault.message
        return "free"

    return f"is in use by process {os.getpid()} " in in_child(take)


@contextmanager
def another_agent(state: Path) -> Iterator[None]:
    """Hold the lock as another process would: by an open file of its own."""
    with (state / "lock").open("w") as lock:
        lock.write("process 1 (other)\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def remove(state: Path) -> None:
    shutil.rmtree(state)


def move(state: Path) -> None:
    state.rename(state.with_name("moved"))


def replace_by_an_empty_one(state: Path) -> None:
    move(state)
    state.mkdir(0o700)


def replace_by_a_link(state: Path) -> None:
    move(state)
    state.with_name("elsewhere").mkdir(0o700)
    state.symlink_to("elsewhere")


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


def remove_journal(path: Path) -> None:
    path.unlink()


def overwrite(path: Path) -> None:
    path.write_text("{}")


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


def replace(path: Path) -> None:
    path.with_name("other").write_text("other")
    path.with_name("other").rename(path)


def link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def make_a_directory(path: Path) -> None:
    path.unlink()
    (path / "full").mkdir(parents=True)


@pytest.mark.parametrize(
    ("harm", "aside"),
    [
        (remove_journal, False),
        (overwrite, False),
        (open_to_all, False),
        (replace, True),
        (link, True),
        (make_a_directory, True),
    ],
)
async def test_the_journal_is_written_anew(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    harm: Callable[[Path], None],
    aside: bool,  # noqa: FBT001 - parametrized
) -> None:
    await on_disk.start(nursery)
    harm(on_disk.journal)
    await on_disk.look()
    assert on_disk.is_journaled()
    assert not on_disk.journal.is_symlink()
    assert stat.S_IMODE(on_disk.journal.stat().st_mode) == 0o600
    assert on_disk.events() == ["journal.set_aside"] * aside + ["journal.restored"]
    assert ("journal.json.unreadable-1" in names(on_disk.state)) == aside


async def test_a_journal_that_is_as_it_was_left_is_not_written_again(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    before = on_disk.journal.stat().st_ino
    on_disk.journal.touch()
    await on_disk.look()
    os.link(on_disk.journal, on_disk.state / "link")
    await on_disk.look()
    assert on_disk.journal.stat().st_ino == before
    assert on_disk.told == []


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


def replace_state(journal: Path) -> None:
    replace_by_an_empty_one(journal.parent)


@pytest.mark.parametrize("harm", [remove_journal, replace, make_a_directory, replace_state])
async def test_a_journal_that_could_not_be_written_does_not_wait_for_the_next_state(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path], None],
) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    await on_disk.start(nursery)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        harm(on_disk.journal)
        await on_disk.look()
        assert on_disk.events()[-1:] == ["journal.failed"]
    assert not on_disk.journal.exists()
    await on_disk.look()
    assert on_disk.is_journaled()
    assert [line["event"] for line in on_disk.told] == ["journal.recovered"]
