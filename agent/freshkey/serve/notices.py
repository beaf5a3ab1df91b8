"""What clients tell the agent of a key: that OpenAI refused it, or that a new one is wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, final

from freshkey.serve import problems
from freshkey.serve.arguments import members
from freshkey.serve.responses import Response, problem

if TYPE_CHECKING:
    from freshkey.serve.access import Access
    from freshkey.serve.audit import RequestAudit
    from freshkey.serve.control import Control
    from freshkey.serve.keys import WallClock
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.sockets.peers import Peer

_ACCEPTED: Final = "accepted"
_MAX_TAG: Final = 64  # characters


@final
class Notices:
    """Checks what a client says, has it recorded, and passes it on to the agent.

    `clock` tells instants of the lease clock in the reader's terms.
    """

    def __init__(
        self,
        published_keys: PublishedKeys,
        access: Access,
        control: Control,
        audit: RequestAudit,
        *,
        clock: WallClock | None = None,
    ) -> None:
        self._published_keys = published_keys
        self._access = access
        self._control = control
        self._audit = audit
        self._clock = clock

    def rejected(self, peer: Peer, name: str, body: bytes) -> Response:
        """Answer `POST /v1/keys/NAME/rejected`."""
        tag, outcome, response = self._reject(peer, name, body)
        self._audit.tell("key.rejected", peer, name, tag, outcome)
        if outcome == _ACCEPTED and tag:
            self._control.report(name, tag)
        return response

    def rotate(self, peer: Peer, name: str, body: bytes) -> Response:
        """Answer `POST /v1/keys/NAME/rotate`: the 202 has the tag that is going to change."""
        compromised, now, outcome, response = self._rotate(peer, name, body)
        self._audit.tell("key.rotate_asked", peer, name, self._published_keys.tag(name), outcome)
        if outcome == _ACCEPTED:
            self._control.rotate(name, compromised=compromised, now=now)
        return response

    def _rotate(self, peer: Peer, name: str, body: bytes) -> tuple[bool, bool, str, Response]:
        """Return whether compromised, whether now, what comes of it, and the answer."""
        if not self._access.is_operator(peer):
            return False, False, "peer_not_allowed", _no_operator()
        if self._published_keys.view(name) is None:
            return False, False, "unknown_key", problems.unknown_key()
        try:
            compromised, now = _requested(body)
        except ValueError as error:
            return False, False, "bad_request", problems.bad_request(str(error))
        content = {"tag": self._published_keys.tag(name), **self._lives_on(name)}
        return compromised, now, _ACCEPTED, _accepted(content)

    def _lives_on(self, name: str) -> dict[str, object]:
        """Say of an access token until when it lives, and as whom: nobody can revoke it."""
        view = self._published_keys.view(name)
        shown = None if view is None else view.publication
        if shown is None or shown.account is None or shown.expires_at is None or not self._clock:
            return {}
        lives_until = self._clock.not_after(shown.expires_at)
        return {"lives_until": lives_until, "service_account": shown.account}

    def _reject(self, peer: Peer, name: str, body: bytes) -> tuple[str | None, str, Response]:
        """Return the tag that was told, what comes of it, and the answer."""
        view = self._published_keys.view(name)
        if view is None:
            return None, "unknown_key", problems.unknown_key()
        if not self._access.may_read(peer, name):
            return None, "peer_not_allowed", problems.not_allowed()
        try:
            tag = _told_tag(body)
        except ValueError as error:
            return None, "bad_request", problems.bad_request(str(error))
        current = self._published_keys.tag(name)
        if current is None:
            return tag, "no_key", problems.no_key([view])
        if tag != current:
            detail = "another key is published by now; get that one"
            return tag, "old_tag", problem(409, "old_tag", detail, tag=current)
        return tag, _ACCEPTED, _accepted({})


def _told_tag(body: bytes) -> str:
    tag = members(body, {"tag": str}).get("tag", "")
    if not isinstance(tag, str) or not 0 < len(tag) <= _MAX_TAG or not tag.isascii():
        raise ValueError('the body must name the key that was refused: {"tag": "…"}')
    return tag


def _requested(body: bytes) -> tuple[bool, bool]:
    fields = members(body, {"compromised": bool, "now": bool})
    compromised, now = bool(fields.get("compromised")), bool(fields.get("now"))
    if now and not compromised:
        raise ValueError("now goes with compromised only: set both, or leave now out")
    return compromised, now


def _no_operator() -> Response:
    detail = "only root and the agent's own user may ask for a rotation"
    return problem(403, "peer_not_allowed", detail)


def _accepted(content: dict[str, object]) -> Response:
    return Response(202, (("Content-Type", "application/json"),), json.dumps(content).encode())
