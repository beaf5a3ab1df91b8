"""Who holds a lock, and whether somebody listens, as /proc tells.

Asking the lock or the socket itself would disturb its holder: a lock that is tried is held for a
moment, and a connection may start a service.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LOCKS: Final = Path("/proc/locks")
_SOCKETS: Final = Path("/proc/net/unix")
_LISTENS: Final = 1 << 16  # __SO_ACCEPTCON


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
