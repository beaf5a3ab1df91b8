"""The listening socket's file: made with its mode and owner, removed by nobody but its maker."""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Final, Self, final

import structlog

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line
from freshkey.host.accounts import UNCHANGED, group_id, user_id, usual_group
from freshkey.sockets.socket_file import (
    fail,
    look,
    make_directory,
    remove,
    remove_stale,
    set_access,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

MAX_PATH: Final = 107  # bytes; sun_path has 108 with the final zero (unix(7))
# Short: who floods the socket waits in connect(2), and everybody else gets a turn in between.
_BACKLOG: Final = 128


@final
class Listener:
    """A listening socket and its file. `make` makes another one, where others did not make it."""

    def __init__(
        self, sock: socket.socket, path: Path, make: Callable[[], Listener] | None = None
    ) -> None:
        self.socket = sock
        self.path = path
        self._make = make
        self.file = look(path)

    def change(self) -> str | None:
        """Say what somebody else has done to its file; None when it is as it was."""
        found, file = look(self.path), self.file
        if found is None or file is None or found.inode != file.inode:
            return "was removed" if found is None else "was replaced"
        if self._make is None or found == file:  # access is the business of whoever made it
            return None
        return f"had mode {found.mode:04o} and owner {found.uid}:{found.gid}"

    def restore(self) -> socket.socket | None:
        """Make its file anew, or as it was; return the socket that this leaves without a file.

        Who has connected to that may not be accepted yet: the caller does, and closes it. Raises
        FaultError as `listen` does, and when the file is not this agent's to make.
        """
        if self._make is None:
            hint = "stop the agent, and restart its .socket unit"
            fail(self.path, f"nobody can connect any more, and systemd made it: {hint}")
        found, file = look(self.path), self.file
        if found and file and found.inode == file.inode:
            _correct(self.path, file.mode, file.uid, file.gid)
            return None
        made = self._make()
        left, self.socket, self.file = self.socket, made.socket, made.file
        return left

    def change_access(self, mode: int, owner: str | None, group: str | None) -> None:
        """Give the file this mode and owner, now or when it is made anew; systemd's stays as it is.

        Raises FaultError as `listen` does.
        """
        if self._make is None:
            return
        uid, gid = _ids(self.path, owner, group)
        self._make = partial(listen, self.path, mode=mode, owner=owner, group=group)
        found, file = look(self.path), self.file
        if found is None or file is None or found.inode != file.inode:
            return
        # Without a name it is what a new file would get.
        uid = os.geteuid() if uid == UNCHANGED else uid
        gid = usual_group(self.path.parent) if gid == UNCHANGED else gid
        _correct(self.path, mode, uid, gid)
        self.file = look(self.path)

    def close(self) -> None:
        """Remove the file, unless another has taken its place, and stop listening."""
        # In this order: as long as the socket is open, its inode's number goes to no other file.
        if self._make and not remove(self.path, self.file):
            log.warning("server.socket_left", path=one_line(str(self.path)))
        self.file = None
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
    uid, gid = _ids(path, owner, group)
    if (length := len(os.fsencode(path))) > MAX_PATH:
        fail(path, f"a socket's path may have {MAX_PATH} bytes, this has {length}; shorten it")
    sock, file = None, None
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        make_directory(path.parent)
        remove_stale(path)
        sock.bind(os.fspath(path))
        file = look(path)
        # Nobody can connect before listen(): that is refused (connect(2), ECONNREFUSED). So there
        # is no moment at which the socket answers with another mode or owner.
        set_access(path, mode, uid, gid)
        sock.listen(_BACKLOG)
        return Listener(sock, path, partial(listen, path, mode=mode, owner=owner, group=group))
    except (OSError, FaultError) as error:
        remove(path, file)
        if sock is not None:
            sock.close()
        if isinstance(error, FaultError):
            raise
        place = error.filename or path.parent
        fail(path, f"the socket can't be made ({error.strerror}: {place}); correct its directory")


def _ids(path: Path, owner: str | None, group: str | None) -> tuple[int, int]:
    try:
        return user_id(owner), group_id(group)
    except KeyError as error:
        fail(path, f"{error.args[0]} on this machine; create it, or use a numeric id")


def _correct(path: Path, mode: int, uid: int, gid: int) -> None:
    try:
        set_access(path, mode, uid, gid)
    except OSError as error:
        fail(path, f"mode and owner can't be set ({error.strerror}); correct them")
