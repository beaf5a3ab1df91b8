"""What somebody else does to key files while the agent runs, in virtual time."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.events import RotateRequested
from freshkey.daemon.disk_watch import LOOK_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.core.model.actions import Record
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


def remove(path: Path) -> None:
    path.unlink()


def write_to(path: Path) -> None:
    path.write_text("sk-other")


def flip_a_bit_and_set_the_time_back(path: Path) -> None:
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def replace(path: Path) -> None:
    path.with_name("other").write_text(path.read_text() + "x")
    path.with_name("other").rename(path)


def open_to_all(path: Path) -> None:
    path.chmod(0o444)


def give_away(path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may give a file away")
    os.chown(path, 12345, 54321)


def remove_its_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def move_its_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replace_its_directory_by_a_link(path: Path) -> None:
    move_its_directory(path)
    path.parent.with_name("elsewhere").mkdir(0o755)
    path.parent.symlink_to("elsewhere")


DAMAGE = [
    remove,
    write_to,
    flip_a_bit_and_set_the_time_back,
    truncate,
    replace,
    open_to_all,
    give_away,
    remove_its_directory,
    move_its_directory,
    replace_its_directory_by_a_link,
]


async def test_a_directory_is_made_as_it_was(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Its group is the files' too, where it is setgid: they would be readable by others else."""
    group = os.getgid() if os.getuid() else 54321
    on_disk.key_file.parent.mkdir()
    os.chown(on_disk.key_file.parent, -1, group)
    on_disk.key_file.parent.chmod(0o2750)
    await on_disk.start(nursery)
    remove_its_directory(on_disk.key_file)
    await on_disk.look()
    assert on_disk.holds()
    made = on_disk.key_file.parent.stat()
    assert (stat.S_IMODE(made.st_mode), made.st_gid) == (0o2750, group)
    assert on_disk.key_file.stat().st_gid == group
    assert on_disk.events() == ["key.file_changed"]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_key_file_is_brought_back_and_told_of_once(
    on_disk: OnDisk,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    damage: Callable[[Path], None],
) -> None:
    await on_disk.start(nursery)
    before = on_disk.key_file.stat()
    damage(on_disk.key_file)
    await on_disk.look()
    assert on_disk.holds()
    after = on_disk.key_file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    line, *others = on_disk.told
    assert (line["event"], line["mended"]) == ("key.file_changed", True)
    linked = damage is replace_its_directory_by_a_link  # to one with another mode
    assert [other["event"] for other in others] == linked * ["key.directory_changed"]
    assert on_disk.key not in str(on_disk.told)
    assert len(published(on_disk)) == 1, "it is no news"


def published(on_disk: OnDisk) -> list[Record]:
    return [record for record in on_disk.records if record.event == "key.published"]


async def test_a_file_that_was_only_touched_is_left_alone(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    before = on_disk.key_file.stat()
    on_disk.key_file.touch()
    os.link(on_disk.key_file, on_disk.key_file.with_name("link"))
    await on_disk.look()
    assert on_disk.key_file.stat().st_ino == before.st_ino
    assert on_disk.told == []


def a_directory(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    path.with_name("target").write_text("precious")
    path.symlink_to("target")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [a_directory, a_link, a_pipe])
async def test_what_is_no_file_is_left_alone_and_told_of(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock, put: Callable[[Path], None]
) -> None:
    await on_disk.start(nursery)
    path = on_disk.key_file
    path.unlink()
    put(path)
    kind = stat.S_IFMT(path.lstat().st_mode)
    await on_disk.look()
    assert stat.S_IFMT(path.lstat().st_mode) == kind
    assert on_disk.events() == ["key.file_changed"]
    if path.is_symlink():
        assert path.read_text() == "precious"
    path.rename(path.with_name("moved"))
    await on_disk.look()
    assert on_disk.holds()


async def test_a_change_of_the_directory_is_told_each_time(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    for mode in (0o700, 0o751):
        on_disk.key_file.parent.chmod(mode)
        await on_disk.look()
        assert on_disk.events() == ["key.directory_changed"]
        assert on_disk.key_file.parent.stat().st_mode & 0o777 == mode
    assert on_disk.writes < 5


async def test_a_directory_in_which_all_can_write_is_a_fault_until_it_is_corrected(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    on_disk.key_file.parent.chmod(0o777)
    await on_disk.look()
    assert on_disk.loop.state.keys[0].write_failures
    on_disk.key_file.parent.chmod(0o751)
    await on_disk.look()
    assert not on_disk.loop.state.keys[0].write_failures


async def test_a_withdrawn_key_that_is_put_back_is_removed(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    on_disk.away = True
    on_disk.loop.send(RotateRequested("billing", compromised=True, now=True))
    await on_disk.look()
    assert not on_disk.key_file.exists()
    for told in (["key.file_changed"], ["key.file_changed"]):
        on_disk.key_file.write_text("sk-withdrawn")
        on_disk.told.clear()
        await on_disk.look()
        assert not on_disk.key_file.exists()
        assert on_disk.events() == told


async def test_a_key_that_was_withdrawn_while_its_file_was_hidden_is_removed(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    on_disk.away = True
    directory = on_disk.key_file.parent
    move_its_directory(on_disk.key_file)
    on_disk.loop.send(RotateRequested("billing", compromised=True, now=True))
    await on_disk.look()
    directory.with_name("moved").rename(directory)
    assert on_disk.key_file.exists()
    await on_disk.look()
    assert not on_disk.key_file.exists()


async def test_a_file_of_a_key_that_is_not_configured_any_more_is_removed_once(
    on_disk: OnDisk, tmpfs_path: Path, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    old = tmpfs_path / "old"
    old.mkdir()
    on_disk.publisher.remove_left([str(old), str(on_disk.key_file)])
    assert on_disk.events() == ["key.file_failed"], "it is no file"
    await on_disk.start(nursery)
    await on_disk.look()
    assert on_disk.told == [], "that was told"
    old.rmdir()
    old.write_text("sk-old")
    await on_disk.look()
    assert not old.exists()
    old.write_text("sk-new")
    await on_disk.look()
    assert old.read_text() == "sk-new", "from then on it is somebody else's"
    assert on_disk.told == []
    assert on_disk.holds(), "the other is another key's now"


async def test_who_undoes_it_is_answered_once_a_look(
    on_disk: OnDisk, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await on_disk.start(nursery)
    before, looks = on_disk.writes, 20
    with trio.move_on_after(looks * LOOK_EVERY):
        while True:
            on_disk.key_file.unlink(missing_ok=True)
            await trio.sleep(LOOK_EVERY / 10)
    assert looks - 2 < on_disk.writes - before <= looks
    assert len(on_disk.told) <= looks
    await on_disk.look()
    assert on_disk.holds()
