"""What auditors, and the status, are told of the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

if TYPE_CHECKING:
    from freshkey.serve.processes import Peer
    from freshkey.serve.readers import Readers

_MAX_NAME: Final = 63  # characters of a key's name: one that isn't ours has any length


class Record(Protocol):
    """Takes one event for the auditors: its dotted name and its fields."""

    def __call__(self, event: str, **fields: object) -> object:
        """Take it at once; what is returned is of no interest."""


@final
class Ledger:
    """Tells before an answer leaves.

    A key that went out without a record would be worse than a record of one that didn't arrive.
    """

    def __init__(self, record: Record, readers: Readers) -> None:
        self._record = record
        self._readers = readers

    def read(self, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
        """A read was answered, with the key of this tag, or refused."""
        if tag is not None:
            self._readers.note(name, peer, tag)
        self._tell("key.read", peer, name, tag, outcome)

    def rejected(self, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
        """A reader reported that OpenAI refuses a key."""
        self._tell("key.rejected", peer, name, tag, outcome)

    def rotate(self, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
        """Somebody asked for a new key."""
        self._tell("key.rotate_requested", peer, name, tag, outcome)

    def _tell(self, event: str, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
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
