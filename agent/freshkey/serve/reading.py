"""Reading keys: one, all of them without their secrets, and the wait for the next one."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final, final
from urllib.parse import parse_qs

import trio

from freshkey.core.view import KeyStatus
from freshkey.serve import keys
from freshkey.serve.negotiation import has_tag, wants_text
from freshkey.serve.responses import Response, no_key, problem, unknown_key
from freshkey.settings.values import WrongValueError, duration

if TYPE_CHECKING:
    from freshkey.serve.board import Board
    from freshkey.serve.framing import Request
    from freshkey.serve.keys import WallClock
    from freshkey.serve.processes import Peer
    from freshkey.serve.record import Ledger
    from freshkey.serve.responses import Answer

_LONGEST_WAIT: Final = 300.0  # seconds


@final
class Reading:
    """Answers reads from what the board shows; each one is told to auditors."""

    def __init__(self, board: Board, clock: WallClock, ledger: Ledger) -> None:
        self._board = board
        self._clock = clock
        self._ledger = ledger

    def all(self) -> Response:
        """List every key, without secrets."""
        listed = [
            keys.as_entry(view, self._board.tag(view.name), self._clock)
            for view in self._board.views()
        ]
        body = json.dumps(listed).encode()
        return Response(200, (("Content-Type", "application/json"),), body)

    def one(self, request: Request, peer: Peer, name: str) -> Answer:
        """Answer with a key, at once or, with `wait`, as soon as there is another one."""
        if self._board.view(name) is None:
            self._ledger.read(peer, name, None, "unknown_key")
            return unknown_key()
        try:
            seconds = _wait(request.query)
        except WrongValueError as error:
            return problem(400, "bad_request", f"wait {error}")
        if seconds and not self._is_news(name, request):
            return partial(self._wait, request, peer, name, seconds)
        return self._tell(request, peer, name)

    async def _wait(self, request: Request, peer: Peer, name: str, seconds: float) -> Response:
        with trio.move_on_after(seconds):
            while not self._is_news(name, request):
                await self._board.next_view(name)
        return self._tell(request, peer, name)

    def _is_news(self, name: str, request: Request) -> bool:
        tag = self._board.tag(name)
        return tag is not None and not has_tag(request.headers.get("if-none-match", ""), tag)

    def _tell(self, request: Request, peer: Peer, name: str) -> Response:
        view, tag = self._board.view(name), self._board.tag(name)
        publication = view and view.publication
        if view is None or not publication or not tag:
            self._ledger.read(peer, name, None, "no_key")
            return no_key([view] if view else [])
        etag = ("ETag", f'"{tag}"')
        if has_tag(request.headers.get("if-none-match", ""), tag):
            self._ledger.read(peer, name, tag, "not_modified")
            return Response(304, (etag,))
        self._ledger.read(peer, name, tag, "served")
        if wants_text(request.headers.get("accept", "")):
            plain = ("Content-Type", "text/plain; charset=utf-8")
            return Response(200, (plain, etag), keys.as_text(publication))
        stale = view.status is KeyStatus.STALE
        body = keys.as_json(name, publication, tag, self._clock, stale=stale)
        return Response(200, (("Content-Type", "application/json"), etag), body)


def _wait(query: str) -> float:
    """Return the seconds that a client is ready to wait; raises WrongValueError."""
    if "wait" not in query:
        return 0.0
    text = parse_qs(query, keep_blank_values=True).get("wait", ["0"])[-1]
    return min(duration(int(text) if text.isdecimal() else text), _LONGEST_WAIT)
