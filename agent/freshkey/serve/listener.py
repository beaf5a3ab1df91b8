"""The listening socket's file: made with its mode and owner, removed by nobody but its maker."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Self, final

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.text import one_line
from freshkey.serve.peers import peer_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PATH: Final = 107  # bytes; sun_path has 108 with the final zero (unix(7))
_PARENT_MODE: Final = 0o751
# Short: who floods the socket waits in connect(2), and everybody else gets a turn in between.
_BACKLOG: Final = 128
_UNCHANGED: Final = -1  # for chown(2)


@final
class Listener:
    """A listening socket; `inode` is device and number of its file, None where others made it."""

    def __init__(self, sock: socket.socket, path: Path, inode: tuple[int, int] | None) -> None:
        self.socket = sock
        self.path = path
        self._inode = inode

    def close(self) -> None:
        """Remove the file, unless another has taken its place, and stop listening."""
        # In this order: as long as the socket is open, its inode's number goes to no other file.
        if self._inode and _inode(self.path) == self._inode:
            self.path.unlink()
        self._inode = None
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listen(
    path: Path, *, mode: int, owner: str | None = None, group: str | None = None
) -> Listener:
    """Make a stream socket at `path` and listen on it.

    `owner` and `group` are names or numbers; what is None is left to the file system. A missing
    parent is made, with mode 0751. The file that a dead process left is replaced. Raises
    FaultError (`output`), which names the process when a live one listens there.
    """
    uid = _number(path, "user", owner, lambda name: pwd.getpwnam(os.fsdecode(name.encode())).pw_uid)
    gid = _number(
        path, "group", group, lambda name: grp.getgrnam(os.fsdecode(name.encode())).gr_gid
    )
    if (length := len(os.fsencode(path))) > MAX_PATH:
        _fail(path, f"a socket's path may have {MAX_PATH} bytes, this has {length}; shorten it")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener = Listener(sock, path, None)
    try:
        _make_directory(path.parent)
        _remove_stale(path)
        sock.bind(os.fspath(path))
        listener = Listener(sock, path, _inode(path))
        # Nobody can connect before listen(): that is refused (connect(2), ECONNREFUSED). So there
        # is no moment at which the socket answers with another mode or owner.
        _set_access(path, mode, uid, gid)
        sock.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        place = error.filename or path.parent
        _fail(path, f"the socket can't be made ({error.strerror}: {place}); correct its directory")
    except FaultError:
        listener.close()
        raise
    return listener


def _set_access(path: Path, mode: int, uid: int, gid: int) -> None:
    # By descriptor: a name could be made to point elsewhere by who may write to the directory.
    # chmod(2) takes no O_PATH descriptor, its name under /proc does (open(2), O_PATH).
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        opened = Path(f"/proc/self/fd/{descriptor}")
        try:
            os.chown(opened, uid, gid)
        except PermissionError:
            _fail(path, "owner or group can't be set; run as root, or as a member of the group")
        opened.chmod(mode)
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Make way for a new socket: remove one on which nobody listens, refuse all else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            _fail(path, "this is not a socket; remove it, or choose another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        outcome = probe.connect_ex(os.fspath(path))
        if outcome == errno.ECONNREFUSED:
            path.unlink(missing_ok=True)
        elif outcome == 0:
            holder = peer_of(probe).pid
            _fail(path, f"process {holder} listens here; stop it, or choose another path")
        else:  # EAGAIN: its queue is full; EPROTOTYPE: another kind of socket; EACCES: who knows
            reason = os.strerror(outcome)
            _fail(path, f"another process may hold this socket ({reason}); stop it, or remove it")


def _make_directory(path: Path) -> None:
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir(0o700)
        inherited = path.stat().st_mode & stat.S_ISGID
        path.chmod(_PARENT_MODE | inherited)  # whatever the umask is


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _number(path: Path, kind: str, name: str | None, look_up: Callable[[str], int]) -> int:
    if name is None:
        return _UNCHANGED
    try:
        return int(name) if name.isdecimal() else look_up(name)
    except KeyError:
        _fail(path, f"there is no {kind} {name!r} here; make it, or name another")


def _fail(path: Path, message: str) -> NoReturn:
    raise FaultError(Fault(FaultKind.OUTPUT, f"{one_line(str(path))}: {message}"))
