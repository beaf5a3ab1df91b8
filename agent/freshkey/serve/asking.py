"""What clients ask of the agent: to check a key that OpenAI refused them, to replace one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, final

from freshkey.serve.responses import Response, no_key, problem, unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.serve.board import Board
    from freshkey.serve.framing import Request
    from freshkey.serve.processes import Peer
    from freshkey.serve.record import Ledger


class Desk(Protocol):
    """Takes orders for the agent, and tells of it."""

    def report(self, name: str, tag: str) -> None:
        """OpenAI refused the key with this tag to a reader."""

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        """A new key is wanted."""

    def status(self) -> Mapping[str, object]:
        """Return what `GET /v1/status` answers, ready for JSON."""


@final
class Asking:
    """Takes requests to act; `masters` are the user ids that may rotate."""

    def __init__(self, board: Board, desk: Desk, masters: frozenset[int], ledger: Ledger) -> None:
        self._board = board
        self._desk = desk
        self._masters = masters
        self._ledger = ledger

    def rejected(self, request: Request, peer: Peer, name: str) -> Response:
        """Take the report of a reader whose key OpenAI refused."""
        view, current = self._board.view(name), self._board.tag(name)
        if view is None:
            self._ledger.rejected(peer, name, None, "unknown_key")
            return unknown_key()
        body = _object(request.body)
        tag = body.get("tag") if body is not None else None
        if not isinstance(tag, str):
            return problem(400, "bad_request", 'send {"tag": "…"}, the tag of the refused key')
        if current is None:
            self._ledger.rejected(peer, name, None, "no_key")
            return no_key([view])
        if tag != current:
            self._ledger.rejected(peer, name, current, "old_tag")
            return problem(409, "old_tag", "this key was replaced already: read it", tag=current)
        self._ledger.rejected(peer, name, current, "accepted")
        self._desk.report(name, tag)
        return _accepted(current)

    def rotate(self, request: Request, peer: Peer, name: str) -> Response:
        """Take a request for a new key; the answer names the tag that is to be replaced."""
        current = self._board.tag(name)
        if peer.uid not in self._masters:
            self._ledger.rotate(peer, name, current, "peer_not_allowed")
            who = "only root and the agent's own user may rotate a key"
            return problem(403, "peer_not_allowed", who)
        if self._board.view(name) is None:
            self._ledger.rotate(peer, name, None, "unknown_key")
            return unknown_key()
        body = _object(request.body or b"{}")
        if body is None or not _is_rotation(body):
            return problem(400, "bad_request", 'send {"compromised": false, "now": false}')
        compromised, now = bool(body.get("compromised")), bool(body.get("now"))
        if now and not compromised:
            return problem(400, "bad_request", "now is for a compromised key: set both")
        self._ledger.rotate(peer, name, current, "accepted")
        self._desk.rotate(name, compromised=compromised, now=now)
        return _accepted(current)


def _object(body: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_rotation(body: dict[str, object]) -> bool:
    known = body.keys() <= {"compromised", "now"}
    return known and all(isinstance(value, bool) for value in body.values())


def _accepted(tag: str | None) -> Response:
    body = json.dumps({"tag": tag}).encode()
    return Response(202, (("Content-Type", "application/json"),), body)
