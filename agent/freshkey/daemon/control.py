"""Where clients of the socket leave their orders for the main loop, and ask how it is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.core.model.events import Reported, RotateRequested
from freshkey.daemon.metrics import metrics
from freshkey.host.imports import import_slim
from freshkey.serve.exposition import exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from freshkey.core.model.events import Event
    from freshkey.daemon.counters import Counters
    from freshkey.daemon.loop import Loop
    from freshkey.daemon.status import Reporter


@final
class Control:
    """See `serve.control.Control`. `send` hands an event to the main loop that runs, or is next."""

    def __init__(
        self, loop: Loop, send: Callable[[Event], None], reporter: Reporter, counters: Counters
    ) -> None:
        self._loop = loop
        self._send = send
        self._reporter = reporter
        self._counters = counters

    def report(self, name: str, tag: str) -> None:
        """OpenAI refused the key with this tag to a reader."""
        self._send(Reported(name, tag))

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """A new key is wanted."""
        self._send(RotateRequested(name, compromised, now))

    def status(self, names: Collection[str]) -> Mapping[str, object]:
        """Describe the state as it is now, with these keys."""
        return self._reporter.describe(self._loop.state, names)

    def metrics(self) -> bytes:
        """Return the text of `GET /metrics`."""
        import_slim("prometheus_client")  # which `exposition` imports
        return exposition(metrics(self._loop.state, self._counters))
