import os
import shutil
import signal
import stat
from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.outputs import directories
from freshkey.outputs.journal import Journal
from freshkey.outputs.state_dir import StateDirectory

from tests.outputs.helpers import in_child


def refusal_of(directory: Path, *, allow_disk: bool = False) -> str:
    with pytest.raises(FaultError) as caught:
        StateDirectory.open(directory, allow_disk=allow_disk)
    assert caught.value.fault.kind is FaultKind.OUTPUT
    message = caught.value.fault.message
    assert message.startswith(f"{directory}: ")
    assert "\n" not in message
    return message


def test_a_missing_directory_is_made_private(tmpfs_path: Path) -> None:
    with StateDirectory.open(tmpfs_path / "a" / "state", allow_disk=False):
        assert stat.S_IMODE((tmpfs_path / "a" / "state").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmpfs_path / "a" / "state" / "lock").stat().st_mode) == 0o600


def test_one_that_others_may_enter_is_refused(tmpfs_path: Path) -> None:
    tmpfs_path.chmod(0o750)
    assert "is open to others (mode 0750): chmod 0700 it" in refusal_of(tmpfs_path)


def test_one_of_another_user_is_refused(tmpfs_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmpfs_path, 12345, -1)
        assert "belongs to uid 12345" in refusal_of(tmpfs_path)
    else:
        assert "belongs to uid 0" in refusal_of(Path("/"))


def test_one_on_disk_is_refused_unless_that_is_allowed(
    tmpfs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "_MOUNTS", Path(os.devnull))  # no tmpfs anywhere
    tmpfs_path.chmod(0o700)
    assert "not on tmpfs or ramfs" in refusal_of(tmpfs_path)
    StateDirectory.open(tmpfs_path, allow_disk=True).close()


def test_a_file_in_its_place_is_named(tmpfs_path: Path) -> None:
    (tmpfs_path / "state").write_bytes(b"")
    assert "Not a directory" in refusal_of(tmpfs_path / "state")


def test_a_second_agent_is_told_who_holds_it(tmpfs_path: Path) -> None:
    state = tmpfs_path / "state"
    comm = Path("/proc/self/comm").read_text().strip()
    with StateDirectory.open(state, allow_disk=False):
        assert f"is in use by process {os.getpid()} ({comm}): stop that" in refusal_of(state)
        second = in_child(lambda: StateDirectory.open(state, allow_disk=False))
        assert f"process {os.getpid()}" in second
    StateDirectory.open(state, allow_disk=False).close()


def test_the_lock_goes_with_a_killed_agent(tmpfs_path: Path) -> None:
    state = tmpfs_path / "state"

    def hold_and_die() -> None:
        StateDirectory.open(state, allow_disk=False)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(hold_and_die) == ""
    StateDirectory.open(state, allow_disk=False).close()


def test_a_full_file_system_does_not_keep_the_agent_from_its_journal(small_mount: Path) -> None:
    small_mount.chmod(0o755)
    state = small_mount / "state"
    with StateDirectory.open(state, allow_disk=False) as directory:
        Journal(directory).write(b"precious")
        (state / "lock").write_bytes(b"")
    with pytest.raises(OSError, match="No space left"):
        (small_mount / "ballast").write_bytes(bytes(64 << 10))
    with StateDirectory.open(state, allow_disk=False) as directory:
        journal = Journal(directory)
        assert journal.read() == b"precious"
        journal.write(b"newer")  # in the room of the old one
        assert journal.read() == b"newer"
        with pytest.raises(FaultError, match="No space left"):
            journal.write(bytes(8192))
        assert journal.read() is None, "a later start would go by it"


def test_directories_that_are_moved_away_do_not_become_many(tmpfs_path: Path) -> None:
    state = tmpfs_path / "state"

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    with StateDirectory.open(state, allow_disk=False) as directory:
        for number in range(30):
            state.rename(tmpfs_path / str(number))
            assert directory.hold() == "was moved away"
            assert directory.hold() is None
        assert descriptors() - before < 30
        assert "is in use" in refusal_of(tmpfs_path / "29"), (
            "nobody may start from what is in there"
        )
        for _ in range(30):
            shutil.rmtree(state)
            assert directory.hold() == "was removed"
        assert descriptors() - before < 30
    assert descriptors() == before
