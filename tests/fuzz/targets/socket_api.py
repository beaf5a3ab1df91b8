"""A whole connection to the agent's socket: each request has one answer, and no key is anybody's.

The first byte of an input chooses the peer: who may read `billing`, or `other`, or who may
everything.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.serve.connection import Connection
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Peer
from freshkey.sockets.resources import ServerResources
from freshkey.sockets.rules import Rule
from trio.testing import MockClock

from tests.fuzz.canary import CANARY, OTHER
from tests.fuzz.target import Target
from tests.serve.fakes import FakeControl, Reads, routes_of

if TYPE_CHECKING:
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Later, Response, Stream

PEERS = (Peer(1, 1001, 1001), Peer(1, 1002, 1002), Peer(1, 0, 0))
KEYS = {"billing": CANARY, "other": OTHER}
PATIENCE = 10.0  # seconds
LONGER = 400.0  # seconds, than any wait


class OneRun:
    """A gateway that takes one run."""

    base_url = "http://127.0.0.1:1/v1"

    def __init__(self) -> None:
        self._token: str | None = None

    def key_of(self, peer: Peer) -> str | None:
        return None if peer.uid == 0 else "billing"

    def begin(self, token: str, _peer: Peer) -> bool:
        if self._token is not None:
            return False
        self._token = token
        return True

    def end(self, token: str) -> None:
        assert token == self._token


async def talk(data: bytes, peer: Peer) -> tuple[list[str], bytes]:
    """Send bytes, and no more; return the methods that were answered, and all that came back."""
    methods: list[str] = []
    published = PublishedKeys([*KEYS, "none"])
    for name, key in KEYS.items():
        published.show(KeyView(name, KeyStatus.FRESH, Publication(7, Secret(key), 1000.0, "key_1")))
    rules = {"billing": [Rule(uid=1001)], "other": [Rule(uid=1002)]}
    reads, readers = Reads(), Readers(lambda: 400.0)
    routes = routes_of(published, Access(rules, 0), reads, FakeControl(), readers, gateway=OneRun())

    def answer(request: Request, peer: Peer) -> Response | Later | Stream:
        methods.append(request.method)
        return routes.answer(request, peer)

    queue, outbox = FairQueue(), Outbox(reads.flush)
    resources = ServerResources(queue, outbox, PATIENCE, trio.Event(), {})
    ours, theirs = socket.socketpair()
    with ours, theirs, trio.fail_after(2 * LONGER):
        ours.settimeout(0)
        theirs.settimeout(0)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        trio.lowlevel.add_instrument(outbox)
        received = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.run)
            async with trio.open_nursery() as connection:
                connection.start_soon(Connection(theirs, peer, answer, resources).run)
                await trio.sleep(LONGER)
                with suppress(BlockingIOError):
                    while part := ours.recv(1 << 20):
                        received += part
                ours.close()
            nursery.cancel_scope.cancel()
        trio.lowlevel.remove_instrument(outbox)
    return methods, received


def check(data: bytes) -> None:
    peer, data = PEERS[data[0] % len(PEERS) if data else 0], data[1:]
    methods, received = trio.run(talk, data, peer, clock=MockClock(autojump_threshold=0))
    readable = {1001: {"billing"}, 1002: {"other"}, 0: set[str]()}[peer.uid]
    for name, key in KEYS.items():
        assert name in readable or key.encode() not in received, f"{peer} has {name}"
    left = received
    for method in methods:
        assert left, "a request has no answer"
        left = without_answer(left, method)
    if left:  # what was no request is refused, once
        assert not without_answer(left, "GET")
    elif data.strip(b"\r\n") and not methods:
        raise AssertionError("something was sent, and nothing told")


def without_answer(data: bytes, method: str) -> bytes:
    """Read one answer as a client does, and return what follows it."""
    head, end, rest = data.partition(b"\r\n\r\n")
    assert end, data
    line, *fields = head.split(b"\r\n")
    headers = dict(field.lower().split(b": ", 1) for field in fields)
    status = int(line.removeprefix(b"HTTP/1.1 ")[:3])
    if headers.get(b"content-type") == b"text/event-stream":
        return b""
    length = int(headers.get(b"content-length", b"0")) if method != "HEAD" else 0
    body = rest[:length]
    assert len(body) == length
    if status >= 400 and body:
        assert headers[b"content-type"] == b"application/problem+json"
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["code"]
        assert problem["detail"].isprintable()
    return rest[length:]


def _request(line: str, *fields: str, body: bytes = b"") -> bytes:
    more = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{line} HTTP/1.1", "Host: a", *fields, *more, "", ""]).encode() + body


TARGET = Target(
    check,
    (
        b"\0" + _request("GET /v1/keys/billing") + _request("GET /v1/keys/other"),
        b"\1" + _request("GET /v1/keys/other", "Accept: text/plain") + _request("GET /v1/keys"),
        b"\0" + _request("GET /v1/keys/billing?wait=30s", 'If-None-Match: "7-00000000"'),
        b"\0" + _request("HEAD /v1/keys/billing") + _request("GET /v1/keys/billing/events"),
        b"\0" + _request("POST /v1/keys/billing/rejected", body=b'{"tag": "7-00000000"}'),
        b"\2" + _request("POST /v1/keys/other/rotate", body=b'{"compromised": true, "now": false}'),
        b"\2" + _request("GET /readyz/none") + _request("GET /readyz") + _request("GET /metrics"),
        b"\0" + _request("GET /v1/gateway/run", "Authorization: Bearer freshkey-run-" + "a" * 40),
        b"\0" + _request("GET /v1/status") + b"garbage",
    ),
    (
        *(b"/v1/keys/other", b"/v1/keys/billing", b"/v1/keys/none", b"?wait=300", b"&wait=1"),
        *(b"?wait=" + b"9" * 5000, b"?wait=1h30m", b"/events", b"/rejected", b"/rotate", b"%2e"),
        *(b"HEAD", b"POST", b"DELETE", b"Accept: text/plain\r\n", b"Accept: */*;q=0\r\n"),
        *(b"q=nan", b'If-None-Match: "7-"\r\n', b"If-None-Match: *\r\n", b"Last-Event-ID: 7\r\n"),
        *(b"//", b"\r\n", b'{"tag": "', b"[" * 2000, b'{"now": true}', b'{"tag": 1}', b"\xff"),
        *(b"\xed\xa0\x80", b"Authorization: Bearer freshkey-run-", b"Connection: close\r\n"),
        *(b"\0", b"HTTP/1.0"),
    ),
)
