"""Who may read which key: the rules of `allow`, and what holds where there are none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from freshkey.sockets.peers import overflow_uid
from freshkey.sockets.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from freshkey.settings.keys import KeySettings
    from freshkey.sockets.peers import Peer


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
