"""The file of a listening socket: who made it, who may connect, and what may make way for it."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final, NoReturn

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import Struct
from freshkey.core.model.text import one_line
from freshkey.host.accounts import UNCHANGED
from freshkey.sockets.peers import peer_of

_PARENT_MODE: Final = 0o751


class SocketFile(Struct, frozen=True):
    """Device and number of its inode, and who may connect: the rest of its status means nothing."""

    inode: tuple[int, int]
    mode: int
    uid: int
    gid: int


def look(path: Path) -> SocketFile | None:
    """Look at what stands at the path; None when nothing can be seen there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    access = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    return SocketFile((found.st_dev, found.st_ino), *access)


def remove(path: Path, file: SocketFile | None) -> bool:
    """Remove that file, if it still stands there; False when it has to be left."""
    found = look(path)
    if file and found and found.inode == file.inode:
        try:
            path.unlink()
        except OSError:  # in a directory that is read-only, or somebody else's, by now
            return False
    return True


def set_access(path: Path, mode: int, uid: int, gid: int) -> None:
    """Give the socket its mode and owner (-1: stays). Raises OSError, and FaultError."""
    # By descriptor: a name could be made to point elsewhere by who may write to the directory.
    # chmod(2) takes no O_PATH descriptor, its name under /proc does (open(2), O_PATH).
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISSOCK(found.st_mode):
            fail(path, "something else has taken the socket's place; remove it")
        opened = Path(f"/proc/self/fd/{descriptor}")
        try:
            # A sandbox may allow no chown(2) at all, and often there is nothing to change.
            if uid not in {UNCHANGED, found.st_uid} or gid not in {UNCHANGED, found.st_gid}:
                os.chown(opened, uid, gid)
        except PermissionError:
            fail(path, "owner or group can't be set; run as root, or as a member of the group")
        opened.chmod(mode)
    finally:
        os.close(descriptor)


def remove_stale(path: Path) -> None:
    """Make way for a new socket: remove one on which nobody listens, refuse all else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            fail(path, "this is not a socket; remove it, or choose another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        outcome = probe.connect_ex(os.fspath(path))
        if outcome == errno.ECONNREFUSED:
            path.unlink(missing_ok=True)
        elif outcome == 0:
            holder = peer_of(probe).pid
            fail(path, f"process {holder} listens here; stop it, or choose another path")
        else:  # EAGAIN: its queue is full; EPROTOTYPE: another kind of socket; EACCES: who knows
            reason = os.strerror(outcome)
            fail(path, f"another process may hold this socket ({reason}); stop it, or remove it")


def make_directory(path: Path) -> None:
    """Make a missing directory, with its ancestors, passable by all. Raises OSError."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(0o700)
        inherited = path.stat().st_mode & stat.S_ISGID
        path.chmod(_PARENT_MODE | inherited)  # whatever the umask is


def fail(path: Path, message: str) -> NoReturn:
    """Raise the fault about a socket; `message` also says what to do."""
    raise FaultError(Fault(FaultKind.OUTPUT, f"{one_line(str(path))}: {message}"))
