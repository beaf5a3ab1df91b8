"""Which peers an entry of the configuration lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from freshkey.host.accounts import group_id, user_id
from freshkey.sockets.peers import overflow_gid, overflow_uid

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.settings.keys import AllowSettings
    from freshkey.sockets.peers import Peer


class Rule(NamedTuple):
    """What a peer must have, all of it; what is None does not matter."""

    uid: int | None = None
    gid: int | None = None
    unit: str | None = None
    executable: Path | None = None

    @classmethod
    def of(cls, allow: AllowSettings) -> Rule:
        """Look user and group up; raises KeyError for a name that is unknown."""
        return cls(
            None if allow.user is None else user_id(allow.user),
            None if allow.group is None else group_id(allow.group),
            allow.unit,
            allow.executable,
        )

    def matches(self, peer: Peer) -> bool:
        """Whether a peer has all of it.

        An id that stands for those of other user namespaces is nobody's. The file of a program is
        known by device and inode: its name could be mounted over in the peer's own namespace.
        """
        if self.uid is not None and (peer.uid != self.uid or peer.uid == overflow_uid()):
            return False
        if self.gid is not None and (
            self.gid not in {peer.gid, *peer.groups} or self.gid == overflow_gid()
        ):
            return False
        if self.unit is not None and peer.unit != self.unit:
            return False
        return self.executable is None or (
            peer.program is not None and peer.program == _program(self.executable)
        )


def _program(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
