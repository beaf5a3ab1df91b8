"""Whose a file is, and who may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.struct import Struct
from freshkey.host.accounts import UNCHANGED, group_id, user_id
from freshkey.outputs.errors import refusal

if TYPE_CHECKING:
    from freshkey.settings.keys import FileSettings


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
