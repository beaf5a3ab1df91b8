"""Files that should be gone, and come back or are hidden meanwhile, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.events import RotateRequested

from tests.daemon.damage import move_its_directory

if TYPE_CHECKING:
    from pathlib import Path

    import trio
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


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
