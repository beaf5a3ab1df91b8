"""What somebody else does to the directory of a key file while the agent runs, in virtual time."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from tests.daemon.damage import remove_its_directory

if TYPE_CHECKING:
    import trio
    from trio.testing import MockClock

    from tests.daemon.on_disk import OnDisk


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
