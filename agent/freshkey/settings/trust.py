"""Whether a file can be changed by others than root and the agent's own user."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40  # path_resolution(7)


def writable_by(status: os.stat_result, trusted: Collection[int] = ()) -> str | None:
    """Name who else can write a file, or return None; `trusted` are users who may do so, too.

    A group that holds nobody but the owner, as Debian and Fedora make for each user, is no other.
    """
    users = {0, os.geteuid(), *trusted}
    if status.st_uid not in users:
        return f"its owner, user {_user(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return "every user"
    if status.st_mode & stat.S_IWGRP and not _private(status.st_gid, users):
        return f"group {_group(status.st_gid)}"
    return None


def replaceable_by(path: Path, trusted: Collection[int] = ()) -> tuple[str, str] | None:
    """Name what else can be written on the way to a file, or the file itself, and by whom.

    Whoever can write a directory can put another file in the place of the one that is meant, and
    whoever owns a link can point it elsewhere. In a sticky directory only owners can (unlink(2)).
    Raises OSError when the way does not lead to a file.
    """
    for place, status in steps(path):
        if stat.S_ISLNK(status.st_mode) or _is_sticky(status):
            users = {0, os.geteuid(), *trusted}
            other = None if status.st_uid in users else f"its owner, user {_user(status.st_uid)}"
        else:
            other = writable_by(status, trusted)
        if other is not None:
            return place, other
    return None


def _is_sticky(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)


def steps(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Go to a file as the kernel does, and give every directory and link that is passed."""
    rest = list(reversed(path.parts))
    at, links = "/", 0
    while rest:
        part = rest.pop()
        if part == "..":
            at = os.path.dirname(at)  # noqa: PTH120 - of a path that has no link left in it
            continue
        place = os.path.join(at, part)  # noqa: PTH118 - an absolute `part` starts anew
        status = os.lstat(place)
        yield place, status
        if not stat.S_ISLNK(status.st_mode):
            at = place
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
        rest.extend(reversed(Path(os.readlink(place)).parts))  # noqa: PTH115 - as above


def _private(gid: int, trusted: Collection[int]) -> bool:
    try:
        listed = grp.getgrgid(gid).gr_mem
        members = {pwd.getpwnam(name).pw_uid for name in listed}
    except KeyError:  # a group, or a member, that is not known here
        return False
    members |= {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == gid}
    return members <= set(trusted)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
