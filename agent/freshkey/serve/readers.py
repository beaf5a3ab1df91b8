"""Who has read each key lately, for the status."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.processes import Peer

_MOST: Final = 64  # readers of a key that are remembered; the latest stay


@final
class Readers:
    """The last read of every process; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: defaultdict[str, OrderedDict[Peer, tuple[str, float]]] = defaultdict(
            OrderedDict
        )

    def note(self, name: str, peer: Peer, tag: str) -> None:
        """Take note that a peer has the generation with this tag."""
        readers = self._last[name]
        readers[peer] = (tag, self._now())
        readers.move_to_end(peer)
        if len(readers) > _MOST:
            readers.popitem(last=False)

    def of(self, name: str) -> list[dict[str, object]]:
        """List the readers of a key, the latest first; `age` is in whole seconds."""
        now = self._now()
        return [
            {
                "pid": peer.pid,
                "uid": peer.uid,
                "executable": peer.executable,
                "unit": peer.unit,
                "tag": tag,
                "age": int(now - at),
            }
            for peer, (tag, at) in reversed(self._last.get(name, OrderedDict()).items())
        ]
