"""How a file looked when the agent had made it: a change by somebody else shows in its status."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from freshkey.core.model.struct import Struct

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
}


class Stamp(Struct, frozen=True):
    """The status of one file (inode(7)); two that are equal are of a file that nobody touched."""

    device: int
    inode: int
    mode: int
    uid: int
    gid: int
    size: int
    modified: int  # nanoseconds, and the next one: it tells of a modified time that was set back
    changed: int

    @property
    def identity(self) -> tuple[int, int]:
        """What a rename over it changes."""
        return self.device, self.inode

    @property
    def lasting(self) -> tuple[int, ...]:
        """All but the times, which change when the file is only touched, or linked."""
        return self.device, self.inode, self.mode, self.uid, self.gid, self.size


def stamp(name: str | Path, directory: int | None = None) -> Stamp | None:
    """Look at a file, in the open `directory`; None when nothing can be seen there."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return Stamp(
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def access_stamp(path: Path) -> Stamp | None:
    """Look at who may do what in the directory to which `path` leads; nothing else counts."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(0, 0, found.st_mode, found.st_uid, found.st_gid, 0, 0, 0)


def difference(left: Stamp | None, found: Stamp | None) -> str | None:
    """Say what has become of a file that was `left` so; None when it is the same."""
    if left == found:
        return None
    if found is None:
        return "is gone"
    if left is None:
        return f"was made: {_kind(found)}"
    if left.identity != found.identity:
        return f"was replaced by {_kind(found)}"
    if left.mode != found.mode:
        return f"its mode was changed from {_bits(left)} to {_bits(found)}"
    if (left.uid, left.gid) != (found.uid, found.gid):
        return f"its owner was changed from {left.uid}:{left.gid} to {found.uid}:{found.gid}"
    return "was written to"


def _kind(found: Stamp) -> str:
    return _KINDS.get(stat.S_IFMT(found.mode), "another file")


def _bits(found: Stamp) -> str:
    return f"{stat.S_IMODE(found.mode):04o}"
