import fcntl
import os
import socket
from pathlib import Path

from freshkey.host.holders import is_listened_on, listening_users, lock_holder, process_user


def test_who_holds_a_lock(tmpfs_path: Path) -> None:
    file = tmpfs_path / "lock"
    assert lock_holder(file) is None
    with file.open("w") as lock:
        assert lock_holder(file) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert lock_holder(file) == os.getpid()
    assert lock_holder(file) is None


def test_who_waits_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    status = file.stat()
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    locks = tmp_path / "locks"
    locks.write_text(
        "1: POSIX  ADVISORY  WRITE 5 00:01:2 0 EOF\n"
        f"2: -> FLOCK  ADVISORY  WRITE 6 {place} 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 7 {place} 0 EOF\n"
    )
    assert lock_holder(file, locks) == 7
    assert lock_holder(file, tmp_path / "missing") is None


def test_a_socket_that_listens(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(os.fspath(path))
        assert not is_listened_on(path)
        server.listen()
        assert is_listened_on(path)
        assert not is_listened_on(tmp_path / "a")
        client.connect(os.fspath(path))
        server.close()
        assert not is_listened_on(path)
    assert not is_listened_on(path, tmp_path / "missing")


def test_who_listens_on_a_port(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert listening_users(port) == frozenset()
        server.listen()
        assert listening_users(port) == {os.geteuid()}
    assert listening_users(port, [tmp_path / "missing"]) == frozenset()


def test_a_listener_of_ipv6(tmp_path: Path) -> None:
    (tmp_path / "tcp6").write_text(
        "  sl  local_address  remote_address  st\n"
        "   0: 00000000000000000000000001000000:24F8 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000   990        0 4711\n"
        "   1: 00000000000000000000000001000000:24F9 00000000000000000000000000000000:0000 01 "
        "00000000:00000000 00:00000000 00000000   991        0 4712\n"
    )
    assert listening_users(0x24F8, [tmp_path / "tcp6"]) == {990}
    assert listening_users(0x24F9, [tmp_path / "tcp6"]) == frozenset()


def test_whose_a_process_is(tmp_path: Path) -> None:
    assert process_user(os.getpid()) == os.geteuid()
    assert process_user(os.getpid(), tmp_path) is None
