from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.sockets.listener import MAX_PATH, listen


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(FaultError) as raised:
        listen(path, mode=0o600, **options)
    fault = raised.value.fault
    assert fault.kind is FaultKind.OUTPUT
    assert fault.message.startswith(f"{path}: ")
    assert "\n" not in fault.message
    return fault.message.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "freshkey.sock"


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_socket_has_its_mode_whatever_the_umask(path: Path, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        with listen(path, mode=mode):
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert connects(path)
    finally:
        os.umask(before)


def test_nobody_can_connect_before_mode_and_owner_are_set(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[bool] = []
    chmod = Path.chmod

    def watched_chown(opened: Path, uid: int, gid: int) -> None:
        attempts.append(connects(path))  # only root could really do it

    def watched_chmod(opened: Path, mode: int) -> None:
        chmod(opened, mode)
        attempts.append(connects(path))

    monkeypatch.setattr("os.chown", watched_chown)
    monkeypatch.setattr(Path, "chmod", watched_chmod)
    with listen(path, mode=0o666, group="12345"):
        assert attempts == [False, False]
        assert connects(path)


def test_owner_and_group_are_names_or_numbers(path: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    for owner, group in [
        (str(uid), str(gid)),
        (pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name),
        (None, None),
    ]:
        with listen(path, mode=0o600, owner=owner, group=group):
            assert (path.stat().st_uid, path.stat().st_gid) == (uid, gid)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_root_gives_the_socket_to_others(path: Path) -> None:
    with listen(path, mode=0o660, owner="12345", group="54321"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_an_owner_that_may_not_be_set_is_told_and_leaves_no_socket(path: Path) -> None:
    path.parent.chmod(0o777)
    script = """
import os
from pathlib import Path
from freshkey.core.model.faults import FaultError
from freshkey.sockets.listener import listen
if os.getuid() == 0:
    os.setgroups([])
    os.setuid(65534)
try:
    listen(Path("s"), mode=0o600, owner="0")
except FaultError as error:
    print(error.fault.message, Path("s").exists())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=path.parent, capture_output=True, check=True, text=True
    )
    expected = "s: owner or group can't be set; run as root, or as a member of the group False\n"
    assert done.stdout == expected


def test_names_that_do_not_exist_are_told(path: Path) -> None:
    assert refusal(path, owner="nobody-at-all").startswith("no user 'nobody-at-all'")
    assert refusal(path, group="none-at-all").startswith("no group 'none-at-all'")


def test_missing_parents_are_made_passable(path: Path) -> None:
    deep = path.parent / "run" / "freshkey" / "freshkey.sock"
    before = os.umask(0o077)
    try:
        with listen(deep, mode=0o600):
            for parent in list(deep.parents)[:2]:
                assert stat.S_IMODE(parent.stat().st_mode) == 0o751
    finally:
        os.umask(before)


def test_the_longest_path_works_and_one_byte_more_is_told(tmp_path: Path) -> None:
    longest = tmp_path / ("x" * (MAX_PATH - len(str(tmp_path)) - 1))
    with listen(longest, mode=0o600):
        assert connects(longest)
    message = refusal(Path(f"{longest}x"))
    assert message == "a socket's path may have 107 bytes, this has 108; shorten it"


def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    with listen(path, mode=0o600):
        assert connects(path)


def test_a_socket_that_another_process_left_when_it_was_killed_is_replaced(path: Path) -> None:
    script = f"""
import os, socket
sock = socket.socket(socket.AF_UNIX)
sock.bind({str(path)!r})
sock.listen()
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=False)
    assert path.is_socket()
    with listen(path, mode=0o600):
        assert connects(path)


def test_a_live_one_is_refused_by_the_name_of_its_process_and_goes_on(path: Path) -> None:
    with listen(path, mode=0o600):
        expected = f"process {os.getpid()} listens here; stop it, or choose another path"
        assert refusal(path) == expected
        assert connects(path)


def test_a_live_one_whose_queue_is_full_is_refused_too(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        assert refusal(path).startswith("another process may hold this socket")
    assert path.exists()


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_not_a_socket_is_left_alone(path: Path, kind: str) -> None:
    match kind:
        case "file":
            path.touch()
        case "directory":
            path.mkdir()
        case _:
            path.symlink_to(path.parent / "elsewhere")
    assert refusal(path) == "this is not a socket; remove it, or choose another path"
    assert path.is_symlink() or path.exists()


def test_a_directory_that_cannot_be_made_is_told(path: Path) -> None:
    path.touch()
    message = f"the socket can't be made (File exists: {path}); correct its directory"
    assert refusal(path / "freshkey.sock") == message


def test_closing_removes_the_file(path: Path) -> None:
    listen(path, mode=0o600).close()
    assert not path.exists()


def test_closing_twice_or_after_the_file_is_gone_is_no_error(path: Path) -> None:
    listener = listen(path, mode=0o600)
    path.unlink()
    listener.close()
    listener.close()


def test_closing_leaves_the_file_of_a_successor(path: Path) -> None:
    listener = listen(path, mode=0o600)
    path.unlink()
    with listen(path, mode=0o600):
        listener.close()
        assert connects(path)


def test_a_file_that_is_made_anew_has_the_access_that_was_given_last(path: Path) -> None:
    with listen(path, mode=0o666) as listener:
        path.unlink()
        listener.change_access(0o600, None, None)
        assert not path.exists()
        left = listener.restore()
        assert left is not None
        left.close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
