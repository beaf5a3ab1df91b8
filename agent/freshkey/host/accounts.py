"""Users and groups by name or number."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from os import fsdecode
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

UNCHANGED: Final = -1  # for chown(2): leave what the file system gives


def user_id(owner: str | None) -> int:
    """The uid of a name or a number, -1 for None. Raises KeyError for a name that is unknown."""
    if owner is None:
        return UNCHANGED
    if owner.isdecimal():
        return int(owner)
    try:
        return pwd.getpwnam(fsdecode(owner.encode())).pw_uid
    except KeyError:
        raise KeyError(f"no user {owner!r}") from None


def group_id(group: str | None) -> int:
    """The gid of a name or a number, -1 for None. Raises KeyError for a name that is unknown."""
    if group is None:
        return UNCHANGED
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(fsdecode(group.encode())).gr_gid
    except KeyError:
        raise KeyError(f"no group {group!r}") from None


def usual_group(directory: Path | int) -> int:
    """The group that a file gets in a directory: its own, if it has setgid (inode(7)).

    Raises OSError.
    """
    found = os.stat(directory)  # noqa: PTH116 - of a descriptor, too
    return found.st_gid if found.st_mode & stat.S_ISGID else os.getegid()
