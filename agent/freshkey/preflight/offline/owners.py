"""Whether the agent can give its files and sockets to the users and groups that are named."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from freshkey.host.accounts import UNCHANGED, group_id, user_id
from freshkey.preflight.offline.accounts import can_give_to_group, can_give_to_user, unknown
from freshkey.settings.faults import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.settings.faults import Place
    from freshkey.settings.keys import FileSettings
    from freshkey.settings.listeners import SocketSettings


def owner_findings(
    place: Place, output: FileSettings | SocketSettings, path: Path | None
) -> Iterator[Finding]:
    """List the owner and the group that are unknown, or that this process can't give to `path`."""
    for option, name, look_up, can_give_to in (
        ("owner", output.owner, user_id, can_give_to_user),
        ("group", output.group, group_id, can_give_to_group),
    ):
        try:
            number = look_up(name)
        except KeyError as error:
            yield Finding((*place, option), unknown(error))
            continue
        if number == UNCHANGED or (option == "group" and _gets_group(path, number)):
            continue
        if not can_give_to(number):
            yield Finding(
                (*place, option),
                f"{name} can't be set by user id {os.geteuid()}: give the agent CAP_CHOWN, "
                "or run it as that user or in that group",
            )


def _gets_group(path: Path | None, gid: int) -> bool:
    """Whether what is made in its directory has this group anyway, by setgid (inode(7))."""
    if path is None:
        return False
    with suppress(OSError):
        found = path.parent.stat()
        return found.st_gid == gid and bool(found.st_mode & stat.S_ISGID)
    return False
