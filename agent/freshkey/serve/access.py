"""Who may read which key: the rules of `allow`, and what holds where there are none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, final

from freshkey.host.accounts import group_id, user_id
from freshkey.serve.peers import overflow_gid, overflow_uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from freshkey.serve.peers import Peer
    from freshkey.settings.keys import AllowSettings, KeySettings


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


@final
class Access:
    """Decides from the rules of each key; a key without rules is None.

    Where no key has rules, everybody may read whom the socket's mode lets in. Otherwise a key
    without rules is for root and for the agent's own user.
    """

    def __init__(self, rules: Mapping[str, Iterable[Rule]], own_uid: int) -> None:
        self._rules = {name: tuple(found) for name, found in rules.items()}
        self._open = not any(self._rules.values())
        # As the overflow uid, everybody from another user namespace would look like the agent.
        self._operators = {0, own_uid} - {overflow_uid()}

    @classmethod
    def of(cls, keys: Mapping[str, KeySettings]) -> Access:
        """Take the rules of the configuration; raises KeyError for a name that is unknown."""
        rules = {name: map(Rule.of, key.allow) for name, key in keys.items()}
        return cls(rules, os.geteuid())

    def may_read(self, peer: Peer, name: str) -> bool:
        """Whether a peer may have the key of this name, and know of it."""
        if self._open:
            return True
        if rules := self._rules.get(name):
            return any(rule.matches(peer) for rule in rules)
        return peer.uid in self._operators

    def is_operator(self, peer: Peer) -> bool:
        """Whether it is root or the agent's own user, who may ask for a rotation."""
        return peer.uid in self._operators


def _program(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
