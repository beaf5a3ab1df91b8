"""What is served at which path, to whom; every read of a key is told to the audit record."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

from freshkey.core.view import KeyStatus
from freshkey.serve import keys
from freshkey.serve.negotiation import has_tag, wants_text
from freshkey.serve.responses import Response, problem, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.view import KeyView
    from freshkey.serve.board import Board
    from freshkey.serve.framing import Request
    from freshkey.serve.keys import WallClock
    from freshkey.serve.peers import Peer

_READ: Final = ("GET", "HEAD")
_RETRY_AFTER: Final = 1  # seconds, where the fault names none: asking again is cheap here
_MAX_NAME: Final = 63  # characters of a key's name


class Record(Protocol):
    """Takes one event for the auditors: its dotted name and its fields."""

    def __call__(self, event: str, **fields: object) -> object:
        """Take it at once; what is returned is of no interest."""


@final
class Routes:
    """Answers requests from what the board shows."""

    def __init__(self, board: Board, clock: WallClock, record: Record) -> None:
        self._board = board
        self._clock = clock
        self._record = record

    def answer(self, request: Request, peer: Peer) -> Response:
        """Answer one request of a peer, without waiting for anything."""
        respond: Callable[[], Response]
        match request.path.split("/"):
            case ["", "v1", "keys", name]:
                allowed, respond = _READ, partial(self._key, request, peer, name)
            case ["", "livez"]:
                allowed, respond = _READ, partial(text, "ok\n")
            case ["", "readyz"]:
                allowed, respond = _READ, self._all_ready
            case ["", "readyz", name]:
                allowed, respond = _READ, partial(self._one_ready, name)
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

    def _key(self, request: Request, peer: Peer, name: str) -> Response:
        view = self._board.view(name)
        if view is None:
            self._record_read(peer, name, None, "unknown_key")
            return _unknown_key()
        publication, tag = view.publication, self._board.tag(name)
        if not publication or not tag:
            self._record_read(peer, name, None, "no_key")
            return _no_key([view])
        etag = ("ETag", f'"{tag}"')
        held = request.headers.get("if-none-match")
        if held and has_tag(held, tag):
            self._record_read(peer, name, tag, "not_modified")
            return Response(304, (etag,))
        self._record_read(peer, name, tag, "served")
        if wants_text(request.headers.get("accept", "")):
            return Response(
                200,
                (("Content-Type", "text/plain; charset=utf-8"), etag),
                keys.as_text(publication),
            )
        stale = view.status is KeyStatus.STALE
        return Response(
            200,
            (("Content-Type", "application/json"), etag),
            keys.as_json(name, publication, tag, self._clock, stale=stale),
        )

    def _record_read(self, peer: Peer, name: str, tag: str | None, outcome: str) -> None:
        # Before the answer leaves: a key that went out without a record would be worse than a
        # record of one that didn't arrive. A name that isn't ours has any length.
        self._record(
            "key.read",
            pid=peer.pid,
            uid=peer.uid,
            gid=peer.gid,
            key=name[:_MAX_NAME],
            tag=tag,
            outcome=outcome,
        )

    def _one_ready(self, name: str) -> Response:
        view = self._board.view(name)
        if view is None:
            return _unknown_key()
        return text("ok\n") if view.publication else _no_key([view])

    def _all_ready(self) -> Response:
        missing = [view for view in self._board.views() if not view.publication]
        return _no_key(missing) if missing else text("ok\n")


def _unknown_key() -> Response:
    return problem(404, "unknown_key", "the configuration has no key of this name")


def _no_key(missing: list[KeyView]) -> Response:
    """Answer 503 for keys that can't be had now, with the reason and when to ask again."""
    faults = [view.fault for view in missing if view.fault]
    delays = [fault.retry_after for fault in faults if fault.retry_after is not None]
    reasons = (
        f"{view.name} is {view.status}" + (f": {view.fault.message}" if view.fault else "")
        for view in missing
    )
    return problem(
        503,
        "no_key",
        "; ".join(reasons),
        headers=(("Retry-After", str(max(1, math.ceil(min(delays, default=_RETRY_AFTER))))),),
        fault=faults[0].kind if faults else None,
    )
