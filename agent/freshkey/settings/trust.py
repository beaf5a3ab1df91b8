"""Whether a file can be changed by others than root and the agent's own user."""

import grp
import os
import pwd
import stat


def writable_by(status: os.stat_result) -> str | None:
    """Name who else can write a file, or return None.

    A group that holds nobody but the owner, as Debian and Fedora make for each user, is no other.
    """
    own = os.geteuid()
    if status.st_uid not in {0, own}:
        return f"its owner, user {_user(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return "every user"
    if status.st_mode & stat.S_IWGRP and not _private(status.st_gid, {0, own}):
        return f"group {_group(status.st_gid)}"
    return None


def _private(gid: int, trusted: set[int]) -> bool:
    try:
        listed = grp.getgrgid(gid).gr_mem
        members = {pwd.getpwnam(name).pw_uid for name in listed}
    except KeyError:  # a group, or a member, that is not known here
        return False
    members |= {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid == gid}
    return members <= trusted


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
