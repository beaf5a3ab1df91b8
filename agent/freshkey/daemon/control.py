"""Where clients of the socket leave their orders for the main loop, and ask how it is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.core.model.events import Reported, RotateRequested
from freshkey.daemon.metrics import metrics
from freshkey.serve.exposition import exposition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from freshkey.daemon.counters import Counters
    from freshkey.daemon.loop import Loop
    from freshkey.daemon.status import Reporter


@final
class Control:
    """See `serve.control.Control`."""

    def __init__(self, loop: Loop, reporter: Reporter, counters: Counters) -> None:
        self._loop = loop
        self._reporter = reporter
        self._counters = counters

    def report(self, name: str, tag: str) -> None:
        """OpenAI refused the key with this tag to a reader."""
        self._loop.send(Reported(name, tag))

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """A new key is wanted."""
        self._loop.send(RotateRequested(name, compromised, now))

    def status(self, names: Collection[str]) -> Mapping[str, object]:
        """Describe the state as it is now, with these keys."""
        return self._reporter.describe(self._loop.state, names)

    def metrics(self) -> bytes:
        """Return the text of `GET /metrics`."""
        return exposition(metrics(self._loop.state, self._counters))
