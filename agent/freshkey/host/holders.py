"""Who holds a lock, and whether somebody listens, as /proc tells.

Asking the lock or the socket itself would disturb its holder: a lock that is tried is held for a
moment, and a connection may start a service.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCKS: Final = Path("/proc/locks")
_SOCKETS: Final = Path("/proc/net/unix")
_LISTENS: Final = 1 << 16  # __SO_ACCEPTCON
_TCP: Final = Path("/proc/net/tcp"), Path("/proc/net/tcp6")
_TCP_LISTEN: Final = b"0A"


def lock_holder(file: Path, locks: Path = _LOCKS) -> int | None:
    """Return the process id of who holds flock(2) on a file, None when nobody is seen to.

    Source: proc_locks(5).
    """
    try:
        status = file.stat()
        lines = locks.read_text(errors="replace").splitlines()
    except OSError:
        return None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in lines:
        fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 00:1a:23 0 EOF; a waiter has a "->"
        if fields[1:2] == ["FLOCK"] and fields[5:6] == [device]:
            return int(fields[4])
    return None


def is_listened_on(path: Path, sockets: Path = _SOCKETS) -> bool:
    """Whether a socket listens at a path, in this network namespace (unix(7), /proc/net/unix)."""
    try:
        lines = sockets.read_text(errors="replace").splitlines()[1:]
    except OSError:
        return False
    for line in lines:
        fields = line.split(maxsplit=7)  # number, references, protocol, flags, type, state, inode
        if fields[7:] == [os.fspath(path)] and int(fields[3], 16) & _LISTENS:
            return True
    return False


def listening_users(port: int, tables: Iterable[Path] = _TCP) -> frozenset[int]:
    """Return the users who listen on a port of TCP, at whichever address (proc(5), /proc/net/tcp).

    In this network namespace; empty when it can't be seen.
    """
    found = set()
    for table in tables:
        try:
            lines = table.read_bytes().splitlines()[1:]
        except OSError:  # no IPv6 here
            continue
        for line in lines:
            fields = line.split()  # number, local, remote, state, queues, timer, retransmits, uid
            if fields[1].endswith(b":%04X" % port) and fields[3] == _TCP_LISTEN:
                found.add(int(fields[7]))
    return frozenset(found)


def process_user(pid: int, processes: Path = Path("/proc")) -> int | None:
    """Return the effective user of a process (proc_pid_status(5)); None: it can't be seen."""
    try:
        lines = (processes / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[2]) for line in lines if line.startswith("Uid:")), None)
