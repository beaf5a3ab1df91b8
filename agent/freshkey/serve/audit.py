"""What the auditors are told of every request that concerns a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from freshkey.serve.peers import Peer

_MAX_NAME: Final = 63  # characters of a key's name; one that isn't ours has any length


class Record(Protocol):
    """Takes one event for the auditors: its dotted name and its fields."""

    def __call__(self, event: str, **fields: object) -> object:
        """Take it at once; what is returned is of no interest."""


@final
class Audit:
    """Tells the record who asked for what, and how it went.

    Always before the answer leaves: a key that went out without a record would be worse than a
    record of one that didn't arrive.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    def tell(self, event: str, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
        """Record one event about the key `name`; `tag` is the one that was given or asked for."""
        self._record(
            event,
            pid=peer.pid,
            uid=peer.uid,
            gid=peer.gid,
            executable=peer.executable,
            unit=peer.unit,
            key=name[:_MAX_NAME],
            tag=tag,
            outcome=outcome,
        )
