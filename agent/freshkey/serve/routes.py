"""What is served at which path."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final, final

from freshkey.serve.asking import Asking
from freshkey.serve.reading import Reading
from freshkey.serve.responses import Response, no_key, problem, text, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.asking import Desk
    from freshkey.serve.board import Board
    from freshkey.serve.framing import Request
    from freshkey.serve.keys import WallClock
    from freshkey.serve.processes import Peer
    from freshkey.serve.record import Ledger
    from freshkey.serve.responses import Answer

_READ: Final = ("GET", "HEAD")
_ACT: Final = ("POST",)


@final
class Routes:
    """Answers requests: reads from what the board shows, all else with the desk's help."""

    def __init__(
        self, board: Board, clock: WallClock, ledger: Ledger, desk: Desk, masters: frozenset[int]
    ) -> None:
        self._board = board
        self._desk = desk
        self._reading = Reading(board, clock, ledger)
        self._asking = Asking(board, desk, masters, ledger)

    def answer(self, request: Request, peer: Peer) -> Answer:
        """Answer one request of a peer, or return what waits for the answer."""
        respond: Callable[[], Answer]
        allowed: tuple[str, ...] = _READ
        match request.path.split("/"):
            case ["", "v1", "keys", name]:
                respond = partial(self._reading.one, request, peer, name)
            case ["", "v1", "keys"]:
                respond = self._reading.all
            case ["", "v1", "keys", name, "rejected"]:
                allowed, respond = _ACT, partial(self._asking.rejected, request, peer, name)
            case ["", "v1", "keys", name, "rotate"]:
                allowed, respond = _ACT, partial(self._asking.rotate, request, peer, name)
            case ["", "v1", "status"]:
                respond = self._status
            case ["", "livez"]:
                respond = partial(text, "ok\n")
            case ["", "readyz"]:
                respond = self._all_ready
            case ["", "readyz", name]:
                respond = partial(self._one_ready, name)
            case _:
                return problem(404, "unknown_path", "nothing is served at this path")
        if request.method not in allowed:
            return problem(
                405,
                "method_not_allowed",
                f"this path takes {' and '.join(allowed)} only",
                headers=(("Allow", ", ".join(allowed)),),
            )
        return respond()

    def _status(self) -> Response:
        body = json.dumps(self._desk.status()).encode()
        return Response(200, (("Content-Type", "application/json"),), body)

    def _one_ready(self, name: str) -> Response:
        view = self._board.view(name)
        if view is None:
            return unknown_key()
        return text("ok\n") if view.publication else no_key([view])

    def _all_ready(self) -> Response:
        missing = [view for view in self._board.views() if not view.publication]
        return no_key(missing) if missing else text("ok\n")
