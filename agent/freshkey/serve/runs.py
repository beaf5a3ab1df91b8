"""`GET /v1/gateway/run`: a token is good at the gateway for as long as the answer goes on."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final, final

from freshkey.core.model.run_token import is_run_token
from freshkey.serve import problems
from freshkey.serve.responses import Response, Stream, problem

if TYPE_CHECKING:
    from freshkey.serve.audit import RequestAudit
    from freshkey.serve.framing import Request
    from freshkey.serve.gateway import Gateway
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.sockets.peers import Peer

_EVENTS: Final = ("Content-Type", "text/event-stream")
_SCHEME: Final = "bearer "


@final
class Runs:
    """Answers those who start a command that is to use the gateway; None: there is no gateway."""

    def __init__(
        self, gateway: Gateway | None, published_keys: PublishedKeys, audit: RequestAudit
    ) -> None:
        self._gateway = gateway
        self._published_keys = published_keys
        self._audit = audit

    def answer(self, request: Request, peer: Peer) -> Response | Stream:
        """Have the token that comes with a request be good, and tell where to send it."""
        gateway = self._gateway
        if gateway is None or (base_url := gateway.base_url) is None:
            return self._refuse(peer, None, _no_gateway(), "no_gateway")
        token = _token_of(request)
        if not is_run_token(token):
            return self._refuse(peer, None, _no_token(), "bad_request")
        key = gateway.key_of(peer)
        if key is None:
            return self._refuse(peer, None, _no_client(), "peer_not_allowed")
        head = Response(200, (_EVENTS,))
        if request.method == "HEAD":
            return head
        if not gateway.begin(token, peer):
            return self._refuse(peer, key, _in_use(), "token_in_use")
        self._audit.tell("gateway.run", peer, key, self._published_keys.tag(key), "begun")
        events = _Events(self._published_keys, key, base_url)
        news = self._published_keys.news(key)
        ended = partial(self._end, gateway, token, peer, key)
        return Stream(head, news, events.ready, events.next, ended)

    def _end(self, gateway: Gateway, token: str, peer: Peer, key: str) -> None:
        gateway.end(token)
        self._audit.tell("gateway.run", peer, key, self._published_keys.tag(key), "ended")
        self._audit.flush()  # no answer follows that would

    def _refuse(self, peer: Peer, key: str | None, refusal: Response, outcome: str) -> Response:
        self._audit.tell("gateway.run", peer, key, None, outcome)
        return refusal


@final
class _Events:
    """Tells the one event of a run, once the key that goes into its requests is there."""

    def __init__(self, published_keys: PublishedKeys, key: str, base_url: str) -> None:
        self._published_keys = published_keys
        self._key = key
        self._content = json.dumps({"base_url": base_url}).encode()
        self._is_told = False

    def ready(self) -> bool:
        return not self._is_told and self._published_keys.tag(self._key) is not None

    def next(self) -> bytes:
        if not self.ready():
            return b""
        self._is_told = True
        return b"event: run\ndata: %b\n\n" % self._content


def _token_of(request: Request) -> str:
    """Return the token of a run's request, empty for none (RFC 6750, 2.1)."""
    authorization = request.headers.get("authorization", "")
    return authorization[len(_SCHEME) :] if authorization.lower().startswith(_SCHEME) else ""


def _no_gateway() -> Response:
    detail = (
        'the agent has no gateway on TCP: name gateway.tcp, such as "127.0.0.1:8317", and '
        "gateway.clients in its configuration"
    )
    return problem(404, "no_gateway", detail)


def _no_token() -> Response:
    return problems.bad_request(
        "send `Authorization: Bearer freshkey-run-…`, with at least 32 random characters of "
        "A-Z, a-z, 0-9, - and _ at its end, 128 at most"
    )


def _no_client() -> Response:
    detail = (
        "the gateway is not for you: no entry of gateway.clients that has no token_file matches "
        "your user, group, unit, and program"
    )
    return problem(403, "peer_not_allowed", detail)


def _in_use() -> Response:
    detail = "another connection has this token: make one for each run, or try again"
    return problem(409, "token_in_use", detail)
