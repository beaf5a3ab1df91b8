"""What somebody else does to key files while the agent runs, in virtual time."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.daemon.disk_watch import LOOK_EVERY

from tests.daemon.damage import DAMAGE, replace_its_directory_by_a_link

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.core.model.actions import Record
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


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
