"""Where clients of the socket leave their orders for the main loop, and ask how it is doing."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, final

import trio

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

# Reports of one key that come closer together are one: they would only fill the loop's inbox.
_PAUSE: Final = 0.1  # seconds


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
        self._reported: dict[str, tuple[str, float]] = {}

    def report(self, name: str, tag: str) -> None:
        """OpenAI refused the key with this tag to a reader."""
        last_tag, last_at = self._reported.get(name, ("", -inf))
        now = trio.current_time()
        if tag != last_tag or now - last_at >= _PAUSE:
            self._reported[name] = tag, now
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
