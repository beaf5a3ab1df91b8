"""Reads of a key, at once or after a wait for another tag; each is told to the audit record."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final, final

from freshkey.core.model.view import KeyStatus
from freshkey.serve import keys, problems
from freshkey.serve.arguments import wait_of
from freshkey.serve.negotiation import has_tag, wants_text
from freshkey.serve.responses import Later, Response, Stream, encode

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView, Publication
    from freshkey.serve.access import Access
    from freshkey.serve.audit import RequestAudit
    from freshkey.serve.framing import Request
    from freshkey.serve.keys import WallClock
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.serve.readers import Readers
    from freshkey.serve.subscribers import Subscribers
    from freshkey.sockets.peers import Peer

_JSON: Final = ("Content-Type", "application/json")
_EVENTS: Final = ("Content-Type", "text/event-stream")
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


@final
class Reading:
    """Answers reads from the published keys."""

    def __init__(
        self,
        published_keys: PublishedKeys,
        access: Access,
        clock: WallClock,
        audit: RequestAudit,
        readers: Readers,
    ) -> None:
        self._published_keys = published_keys
        self._access = access
        self._clock = clock
        self._audit = audit
        self._readers = readers

    def readable(self, peer: Peer) -> list[KeyView]:
        """List the keys that a peer may read, and know of."""
        views = self._published_keys.views()
        return [view for view in views if self._access.may_read(peer, view.name)]

    def refusal(self, peer: Peer, name: str, via: str) -> Response | None:
        """Say why a peer gets nothing of a key: nobody has it, or it is not for this peer."""
        if self._published_keys.view(name) is None:
            self._audit.read(peer, name, via, None, "unknown_key")
            return problems.unknown_key()
        if not self._access.may_read(peer, name):
            self._audit.read(peer, name, via, None, "peer_not_allowed")
            return problems.not_allowed()
        return None

    def names(self, peer: Peer) -> Response:
        """Answer `GET /v1/keys`: what there is for this peer, without any key."""
        content = [
            keys.outline(view, self._published_keys.tag(view.name), self._clock)
            for view in self.readable(peer)
        ]
        return Response(200, (_JSON,), json.dumps(content).encode())

    def key(self, request: Request, peer: Peer, name: str) -> Response | Later:
        """Answer `GET /v1/keys/NAME`."""
        via = "wait" if request.query else "get"
        if refused := self.refusal(peer, name, via):
            return refused
        try:
            seconds = wait_of(request.query) if request.query else 0.0
        except ValueError as error:
            self._audit.read(peer, name, via, None, "bad_request")
            return problems.bad_request(str(error))
        if seconds and not self._has_news(request, name):
            return Later(
                seconds,
                self.news(name),
                ready=partial(self._has_news, request, name),
                answer=partial(self._read, request, peer, name, via),
                stopped=partial(self.stopped, peer, name, via),
            )
        return self._read(request, peer, name, via)

    def events(self, request: Request, peer: Peer, name: str) -> Response | Stream:
        """Answer `GET /v1/keys/NAME/events`: the key, and every one that follows it."""
        if refused := self.refusal(peer, name, "events"):
            return refused
        head = Response(200, (_EVENTS,))
        if request.method == "HEAD":
            return head
        events = _Events(self, peer, name, request.headers.get("last-event-id"))
        return Stream(head, self.news(name), events.ready, events.next)

    def event(self, peer: Peer, name: str) -> bytes:
        """Give a peer the key that is published, as an event; nothing without one."""
        publication, tag = self._published_keys[name].publication, self.tag(name)
        if not publication or not tag:
            return b""
        self._give(peer, name, tag, "events")
        content = self._as_json(name, publication, tag).body
        return b"event: key\nid: %b\ndata: %b\n\n" % (tag.encode(), content)

    def raw(self, peer: Peer, name: str) -> bytes:
        """Give a peer the key alone; nothing without one."""
        publication, tag = self._published_keys[name].publication, self.tag(name)
        if not publication or not tag:
            self._audit.read(peer, name, "credential", None, "no_key")
            return b""
        self._give(peer, name, tag, "credential")
        return keys.as_text(publication)

    def stopped(self, peer: Peer, name: str, via: str) -> Response:
        """Answer a peer that waits when the agent stops."""
        self._audit.read(peer, name, via, None, "stopping")
        return problems.stopping()

    def refused(self, peer: Peer, name: str, via: str) -> None:
        """Record a read for which the server had no room."""
        self._audit.read(peer, name, via, None, "busy")

    def tag(self, name: str) -> str | None:
        """Return the tag of what is published."""
        return self._published_keys.tag(name)

    def news(self, name: str) -> Subscribers:
        """Return who is woken when the key changes."""
        return self._published_keys.news(name)

    def _has_news(self, request: Request, name: str) -> bool:
        """Say whether a key is published that the client does not hold."""
        tag = self.tag(name)
        return tag is not None and not _holds(request, tag)

    def _read(self, request: Request, peer: Peer, name: str, via: str) -> Response:
        view, tag = self._published_keys[name], self.tag(name)
        if not view.publication or not tag:
            self._audit.read(peer, name, via, None, "no_key")
            return problems.no_key([view])
        if _holds(request, tag):
            self._readers.note(name, peer, tag)
            self._audit.read(peer, name, via, tag, "not_modified")
            return Response(304, (("ETag", f'"{tag}"'),))
        self._give(peer, name, tag, via)
        if wants_text(request.headers.get("accept", "")):
            etag = ("ETag", f'"{tag}"')
            return Response(200, (_TEXT, etag), keys.as_text(view.publication))
        return self._as_json(name, view.publication, tag)

    def _give(self, peer: Peer, name: str, tag: str, via: str) -> None:
        """Take note that a peer is given the key with this tag."""
        self._readers.note(name, peer, tag)
        self._audit.read(peer, name, via, tag, "served")

    def _as_json(self, name: str, publication: Publication, tag: str) -> Response:
        """Answer with the object of a key, which is the same for a second."""
        expires_at = publication.expires_at
        second = None if expires_at is None else self._clock.expires_in(expires_at)
        answers = self._published_keys.answers(name)
        if second not in answers:
            answers.clear()
            stale = self._published_keys[name].status is KeyStatus.STALE
            content = keys.as_json(name, publication, tag, self._clock, stale=stale)
            answer = Response(200, (_JSON, ("ETag", f'"{tag}"')), content)
            answers[second] = answer._replace(framed=encode(answer))
        return answers[second]


@final
class _Events:
    """What one watcher was told of a key; `told` is the tag that it has already."""

    def __init__(self, reading: Reading, peer: Peer, name: str, told: str | None) -> None:
        self._reading = reading
        self._peer = peer
        self._name = name
        self._told = told

    def ready(self) -> bool:
        tag = self._reading.tag(self._name)
        return tag is not None and tag != self._told

    def next(self) -> bytes:
        if not self.ready():
            return b""
        self._told = self._reading.tag(self._name)
        return self._reading.event(self._peer, self._name)


def _holds(request: Request, tag: str) -> bool:
    return has_tag(request.headers.get("if-none-match", ""), tag)
