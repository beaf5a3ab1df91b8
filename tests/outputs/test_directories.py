import os
import stat
from pathlib import Path

import pytest
from freshkey.outputs import directories
from freshkey.outputs.directories import is_memory_backed, open_directory


def test_what_is_on_tmpfs_is_in_memory_even_before_it_exists(tmpfs_path: Path) -> None:
    assert is_memory_backed(tmpfs_path)
    assert is_memory_backed(tmpfs_path / "not" / "yet")


def test_a_link_is_followed_to_where_the_file_would_be(tmpfs_path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmpfs_path)
    assert is_memory_backed(link / "key")


def test_proc_is_not_in_memory() -> None:
    assert not is_memory_backed(Path("/proc/self"))


def test_without_proc_nothing_is_known_to_be_in_memory(
    tmpfs_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "_MOUNTS", tmp_path / "missing")
    assert not is_memory_backed(tmpfs_path)


def test_a_file_system_whose_mount_point_has_spaces_and_dashes(
    tmpfs_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmpfs_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"36 35 {os.major(device)}:{os.minor(device)} / /a\\040-\\040b rw shared:1 - tmpfs x rw\n"
    )
    monkeypatch.setattr(directories, "_MOUNTS", mounts)
    assert is_memory_backed(tmpfs_path)
    mounts.write_text(mounts.read_text().replace("tmpfs", "ext4"))
    assert not is_memory_backed(tmpfs_path)


def test_only_the_last_directory_gets_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    os.close(open_directory(tmp_path / "a" / "b", 0o700))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o751
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    os.close(open_directory(tmp_path, 0o700))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711
