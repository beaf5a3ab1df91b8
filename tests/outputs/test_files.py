import os
import signal
import stat
from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.outputs import directories
from freshkey.outputs.files import remove_file, write_file
from freshkey.settings.keys import FileSettings

from tests.outputs.helpers import in_child, names

OLD, NEW = b"sk-old", b"sk-newer"


def publish(target: FileSettings, content: bytes = NEW) -> str | None:
    return write_file(target, content, allow_disk=False)


def fault_of(target: FileSettings, content: bytes = NEW) -> str:
    with pytest.raises(FaultError) as caught:
        publish(target, content)
    assert caught.value.fault.kind is FaultKind.OUTPUT
    message = caught.value.fault.message
    assert "\n" not in message
    assert "sk-" not in message
    return message


def test_the_file_has_its_mode_and_content_whatever_the_umask(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key", mode=0o444)
    before = os.umask(0o077)
    try:
        assert publish(target) is None
    finally:
        os.umask(before)
    assert target.path.read_bytes() == NEW
    assert stat.S_IMODE(target.path.stat().st_mode) == 0o444
    assert names(tmpfs_path) == ["key"]


def test_missing_parents_are_made_passable_whatever_the_umask(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "a" / "b" / "key")
    before = os.umask(0o077)
    try:
        publish(target)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(p.stat().st_mode) for p in target.path.parents[:2]] == [0o751] * 2


def test_a_made_parent_inherits_the_setgid_bit(tmpfs_path: Path) -> None:
    tmpfs_path.chmod(0o2755)
    publish(FileSettings(path=tmpfs_path / "a" / "key"))
    assert stat.S_IMODE((tmpfs_path / "a").stat().st_mode) == 0o2751


def test_a_reader_with_the_old_file_open_keeps_the_old_content(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    publish(target, OLD)
    with target.path.open("rb") as reader:
        publish(target, NEW)
        assert reader.read() == OLD
    assert target.path.read_bytes() == NEW


def test_the_same_content_is_not_written_again(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    publish(target)
    before = target.path.stat()
    publish(target)
    after = target.path.stat()
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_the_same_content_with_another_mode_is_written_again(tmpfs_path: Path) -> None:
    publish(FileSettings(path=tmpfs_path / "key", mode=0o400))
    publish(FileSettings(path=tmpfs_path / "key", mode=0o440))
    assert stat.S_IMODE((tmpfs_path / "key").stat().st_mode) == 0o440


def test_what_a_killed_agent_left_is_removed_by_the_next_write(
    tmpfs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    other = tmpfs_path / "other"
    publish(target, OLD)
    other.write_bytes(b"")

    def killed(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", killed)
        assert in_child(lambda: publish(target, NEW)) == ""
    assert len(names(tmpfs_path)) == 3
    assert target.path.read_bytes() == OLD
    publish(target, OLD)  # nothing to write, but to clean up
    assert names(tmpfs_path) == ["key", "other"]


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_what_is_not_a_regular_file_is_refused_and_left(tmpfs_path: Path, kind: str) -> None:
    path, elsewhere = tmpfs_path / "key", tmpfs_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    match kind:
        case "link":
            path.symlink_to(elsewhere)
        case "directory":
            path.mkdir()
        case _:
            os.mkfifo(path)
    before = path.lstat()
    assert "not a regular file: remove it" in fault_of(FileSettings(path=path))
    with pytest.raises(FaultError, match="not a regular file"):
        remove_file(FileSettings(path=path))
    assert path.lstat().st_ino == before.st_ino
    assert elsewhere.read_bytes() == b"precious"


def test_a_directory_that_everybody_writes_is_refused_unless_it_is_sticky(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    tmpfs_path.chmod(0o777)
    assert "everybody can write here" in fault_of(target)
    assert not target.path.exists()
    tmpfs_path.chmod(0o1777)
    assert publish(target) is None


def test_a_directory_that_its_group_writes_is_taken(tmpfs_path: Path) -> None:
    tmpfs_path.chmod(0o2770)
    assert publish(FileSettings(path=tmpfs_path / "key")) is None


def test_no_parent_is_made_where_everybody_writes(tmpfs_path: Path) -> None:
    tmpfs_path.chmod(0o777)
    assert "everybody can write here" in fault_of(FileSettings(path=tmpfs_path / "a" / "key"))
    assert names(tmpfs_path) == []


def test_a_mount_that_everybody_writes_gives_a_warning(small_mount: Path) -> None:
    warning = publish(FileSettings(path=small_mount / "key"))
    assert warning is not None
    assert warning.startswith(str(small_mount))
    assert (small_mount / "key").read_bytes() == NEW


def test_a_file_on_disk_is_refused_unless_that_is_allowed(
    tmpfs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "_MOUNTS", Path(os.devnull))  # no tmpfs anywhere
    target = FileSettings(path=tmpfs_path / "key")
    assert "not on tmpfs or ramfs" in fault_of(target)
    assert names(tmpfs_path) == []
    assert write_file(target, NEW, allow_disk=True) is None
    assert target.path.read_bytes() == NEW


def test_a_full_file_system_keeps_the_old_file(small_mount: Path) -> None:
    target = FileSettings(path=small_mount / "key")
    publish(target, OLD)
    (small_mount / "ballast").write_bytes(bytes(40 << 10))
    assert "No space left on device: free space" in fault_of(target, bytes(100 << 10))
    assert target.path.read_bytes() == OLD
    assert names(small_mount) == ["ballast", "key"]


def test_a_lost_directory_is_made_again(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "gone" / "key")
    publish(target)
    target.path.unlink()
    target.path.parent.rmdir()
    publish(target)
    assert target.path.read_bytes() == NEW


def test_a_directory_without_write_permission(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    if os.geteuid() != 0:
        tmpfs_path.chmod(0o555)
    message = in_child(lambda: publish(target), unprivileged=True)
    assert f"{target.path}: Permission denied: let the agent's user" in message


def test_a_parent_that_is_a_file(tmpfs_path: Path) -> None:
    (tmpfs_path / "file").write_bytes(b"")
    assert "Not a directory" in fault_of(FileSettings(path=tmpfs_path / "file" / "key"))


def test_an_owner_that_can_not_be_set_leaves_nothing(tmpfs_path: Path) -> None:
    tmpfs_path.chmod(0o1777)
    target = FileSettings(path=tmpfs_path / "key", owner="0" if os.geteuid() else "12345")
    message = in_child(lambda: publish(target), unprivileged=True)
    assert "owner and group can't be set" in message
    assert names(tmpfs_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_owner_and_group_by_number(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key", owner="12345", group="23456")
    publish(target)
    status = target.path.stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)
    before = status.st_ino
    publish(target)
    assert target.path.stat().st_ino == before
    publish(FileSettings(path=target.path, owner="12346", group="23456"))
    assert target.path.stat().st_uid == 12346


def test_an_owner_that_nobody_knows_is_named(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key", owner="no-such-user")
    assert "no user 'no-such-user' on this machine" in fault_of(target)
    target = FileSettings(path=tmpfs_path / "key", group="no-such-group")
    assert "no group 'no-such-group' on this machine" in fault_of(target)


def test_a_withdrawn_file_is_gone_and_may_be_withdrawn_again(tmpfs_path: Path) -> None:
    target = FileSettings(path=tmpfs_path / "key")
    publish(target)
    remove_file(target)
    assert names(tmpfs_path) == []
    remove_file(target)
    remove_file(FileSettings(path=tmpfs_path / "missing" / "key"))
    assert names(tmpfs_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another group")
@pytest.mark.parametrize("setgid", [False, True])
def test_a_group_that_somebody_else_gave_it_is_taken_back(
    tmpfs_path: Path, *, setgid: bool
) -> None:
    if setgid:
        os.chown(tmpfs_path, -1, 4242)
        tmpfs_path.chmod(0o2755)
    usual = 4242 if setgid else os.getegid()
    target = FileSettings(path=tmpfs_path / "key")
    publish(target)
    assert target.path.stat().st_gid == usual
    inode = target.path.stat().st_ino
    publish(target)
    assert target.path.stat().st_ino == inode, "nothing was to be done"
    os.chown(target.path, -1, 777)
    publish(target)
    assert target.path.stat().st_gid == usual
