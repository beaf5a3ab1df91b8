"""What is served at which path, and to which method."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final, final

from freshkey.serve import problems
from freshkey.serve.exposition import CONTENT_TYPE
from freshkey.serve.responses import Response, problem, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.view import KeyView
    from freshkey.serve.control import Control
    from freshkey.serve.framing import Request
    from freshkey.serve.notices import Notices
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.serve.reading import Reading
    from freshkey.serve.responses import Later, Stream
    from freshkey.serve.runs import Runs
    from freshkey.sockets.peers import Peer

_READ: Final = ("GET", "HEAD")
_POST: Final = ("POST",)


@final
class Routes:
    """Answers requests from the published keys, and passes on to the agent what is for it."""

    def __init__(
        self,
        published_keys: PublishedKeys,
        reading: Reading,
        notices: Notices,
        control: Control,
        runs: Runs,
    ) -> None:
        self._published_keys = published_keys
        self._reading = reading
        self._notices = notices
        self._control = control
        self._runs = runs

    def answer(self, request: Request, peer: Peer) -> Response | Later | Stream:
        """Answer one request of a peer at once, or say what it has to wait for."""
        allowed: tuple[str, ...] = _READ
        respond: Callable[[], Response | Later | Stream]
        match request.path.split("/"):
            case ["", "v1", "keys", name]:
                respond = partial(self._reading.key, request, peer, name)
            case ["", "v1", "keys"]:
                respond = partial(self._reading.names, peer)
            case ["", "v1", "keys", name, "events"]:
                respond = partial(self._reading.events, request, peer, name)
            case ["", "v1", "keys", name, "rejected"]:
                allowed = _POST
                respond = partial(self._notices.rejected, peer, name, request.body)
            case ["", "v1", "keys", name, "rotate"]:
                allowed = _POST
                respond = partial(self._notices.rotate, peer, name, request.body)
            case ["", "v1", "gateway", "run"]:
                respond = partial(self._runs.answer, request, peer)
            case path:
                of_the_agent = self._of_the_agent(path, peer)
                if of_the_agent is None:
                    return problem(404, "unknown_path", "nothing is served at this path")
                respond = of_the_agent
        return respond() if request.method in allowed else problems.wrong_method(allowed)

    def _of_the_agent(self, path: list[str], peer: Peer) -> Callable[[], Response] | None:
        """Return what answers a request that is about no one key; None for an unknown path."""
        match path:
            case ["", "v1", "status"]:
                return partial(self._status, peer)
            case ["", "metrics"]:
                return self._metrics
            case ["", "livez"]:
                return partial(text, "ok\n")
            case ["", "readyz"]:
                return partial(self._all_ready, peer)
            case ["", "readyz", name]:
                return partial(self._one_ready, peer, name)
            case _:
                return None

    def _status(self, peer: Peer) -> Response:
        content = json.dumps(self._control.status(self._readable_names(peer))).encode()
        return Response(200, (("Content-Type", "application/json"),), content)

    def _metrics(self) -> Response:
        return Response(200, (("Content-Type", CONTENT_TYPE),), self._control.metrics())

    def _one_ready(self, peer: Peer, name: str) -> Response:
        view = self._published_keys.view(name)
        if view is None:
            return problems.unknown_key()
        return text("ok\n") if view.publication else self._not_ready(peer, [view])

    def _all_ready(self, peer: Peer) -> Response:
        missing = [view for view in self._published_keys.views() if not view.publication]
        return self._not_ready(peer, missing) if missing else text("ok\n")

    def _not_ready(self, peer: Peer, missing: list[KeyView]) -> Response:
        """Give the reasons for the keys that this peer may read; of others it learns no name."""
        names = self._readable_names(peer)
        shown = [view for view in missing if view.name in names]
        return problems.no_key(shown) if shown else problems.not_ready()

    def _readable_names(self, peer: Peer) -> set[str]:
        return {view.name for view in self._reading.readable(peer)}
