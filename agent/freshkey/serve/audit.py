"""What the auditors are told of every request that concerns a key."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from freshkey.sockets.peers import Peer

_REMEMBERED: Final = 512  # peers, and as many kinds of what happens to them


class Record(Protocol):
    """Takes events for the auditors, in parts that are encoded once and used many times."""

    def part(self, **fields: object) -> bytes:
        """Encode some of an event's fields."""

    def read(self, event: str, *parts: bytes) -> None:
        """Take an event: its dotted name, and all of its fields."""

    def flush(self) -> None:
        """Write what was taken; it is written when this returns."""


class Count(Protocol):
    """Counts reads."""

    def __call__(self, key: str, via: str, outcome: str, /) -> None:
        """Count one; `key` is empty for a name that is not configured."""


@final
class RequestAudit:
    """Tells the record who asked for what, and how it went; `count` counts each read.

    Always before the answer leaves: a key that went out without a record would be worse than a
    record of one that didn't arrive. The server flushes the record.
    """

    def __init__(self, record: Record, count: Count = lambda *_: None) -> None:
        self._record = record
        self._count = count
        self._who = lru_cache(_REMEMBERED)(self._encode_peer)
        self._what = lru_cache(_REMEMBERED)(self._encode_outcome)

    def read(self, peer: Peer, name: str, via: str, tag: str | None, outcome: str) -> None:
        """Record a read of the key `name`, and count it by what it came through."""
        self._count("" if outcome == "unknown_key" else name, via, outcome)
        self.tell("key.read", peer, name, tag, outcome)

    def tell(self, event: str, peer: Peer, name: str | None, tag: str | None, outcome: str) -> None:
        """Record one event about the key `name`; `tag` is the one that was given or asked for."""
        # A name that is none of ours has any length, and would crowd the others out.
        encode = self._encode_outcome if outcome == "unknown_key" else self._what
        self._record.read(event, self._who(peer), encode(name, tag, outcome))

    def flush(self) -> None:
        """Write what was told; the server does it before each answer."""
        self._record.flush()

    def _encode_peer(self, peer: Peer) -> bytes:
        credential = {} if peer.credential is None else {"credential": peer.credential}
        return self._record.part(
            pid=peer.pid,
            uid=peer.uid,
            gid=peer.gid,
            executable=peer.executable,
            unit=peer.unit,
            **credential,
        )

    def _encode_outcome(self, name: str | None, tag: str | None, outcome: str) -> bytes:
        return self._record.part(key=name, tag=tag, outcome=outcome)
