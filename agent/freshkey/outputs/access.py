"""Whose a file is, and who may read it."""

from __future__ import annotations

import grp
import pwd
from os import fsdecode
from typing import TYPE_CHECKING, Final

from freshkey.core.model.struct import Struct
from freshkey.outputs.errors import refusal

if TYPE_CHECKING:
    from freshkey.settings.model import FileSettings

UNCHANGED: Final = -1  # for chown(2): leave what the file system gives


class Access(Struct, frozen=True):
    """Permission bits and numeric owner of a file."""

    mode: int
    uid: int = UNCHANGED
    gid: int = UNCHANGED


def access_of(target: FileSettings) -> Access:
    """Look the owner and group up. Raises FaultError (`output`) when there is no such name."""
    try:
        return Access(target.mode, user_id(target.owner), group_id(target.group))
    except KeyError as error:
        raise refusal(
            target.path, f"{error.args[0]} on this machine: create it, or use a numeric id"
        ) from None


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
