"""Users and groups: what the agent may give a file to, and which directories they can pass."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

_CAP_CHOWN: Final = 1 << 0  # capabilities(7)
_STATUS: Final = Path("/proc/self/status")
_UID_MAP: Final = Path("/proc/self/uid_map")
_GID_MAP: Final = Path("/proc/self/gid_map")


def unknown(error: KeyError) -> str:
    """Say what to do about a name that `user_id` or `group_id` does not know."""
    return f"{error.args[0]} on this machine: create it, or use a numeric id"


def can_give_to_user(uid: int) -> bool:
    """Whether this process can make a user the owner of its files (chown(2))."""
    return uid == os.geteuid() or (_may_chown() and _is_mapped(uid, _UID_MAP))


def can_give_to_group(gid: int) -> bool:
    """Whether this process can give its files to a group."""
    own = {os.getegid(), *os.getgroups()}
    return gid in own or (_may_chown() and _is_mapped(gid, _GID_MAP))


def _may_chown() -> bool:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) & _CAP_CHOWN)
    return False


def _is_mapped(number: int, table: Path) -> bool:
    """Whether an id exists in this user namespace (user_namespaces(7))."""
    ranges = (map(int, line.split()) for line in table.read_text().splitlines())
    return any(first <= number < first + count for first, _, count in ranges)


def user_passes(uid: int, directory: Path) -> bool:
    """Whether a user can pass a directory; where that can't be known, it is taken to."""
    status = directory.stat()
    if uid == 0 or _has_acl(directory):
        return True
    if uid == status.st_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if _may_belong(uid, status.st_gid):
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def group_passes(gid: int, directory: Path) -> bool:
    """Whether a group's members can pass a directory."""
    status = directory.stat()
    needed = stat.S_IXGRP if gid == status.st_gid else stat.S_IXOTH
    return bool(status.st_mode & needed) or _has_acl(directory)


def _may_belong(uid: int, gid: int) -> bool:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return True  # its groups are given to its processes by something else, such as fsGroup
    return gid in os.getgrouplist(user.pw_name, user.pw_gid)


def _has_acl(directory: Path) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(directory)
    except OSError:
        return False
