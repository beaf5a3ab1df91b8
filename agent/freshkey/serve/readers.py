"""Who read which key last, for the status: the past of a socket, bounded."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.sockets.peers import Peer

MOST: Final = 64  # readers that are remembered for a key


@final
class Readers:
    """The last read of each of a key's readers; the one who has not read for longest goes first.

    `now` tells seconds on a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # In the order of their last reads.
        self._reads: defaultdict[str, dict[Peer, tuple[str, float]]] = defaultdict(dict)

    def note(self, name: str, peer: Peer, tag: str) -> None:
        """Remember that a peer was given the key with this tag, or told that it has it."""
        reads = self._reads[name]
        reads.pop(peer, None)
        reads[peer] = tag, self._now()
        if len(reads) > MOST:
            del reads[next(iter(reads))]

    def of(self, name: str) -> list[dict[str, object]]:
        """Return the readers of a key, the last one first; `age` is in whole seconds."""
        now = self._now()
        return [
            {
                "pid": peer.pid,
                "uid": peer.uid,
                "executable": peer.executable,
                "unit": peer.unit,
                "tag": tag,
                "age": int(now - read_at),
            }
            for peer, (tag, read_at) in reversed(self._reads.get(name, {}).items())
        ]
