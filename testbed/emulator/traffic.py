"""What was on the wire: requests under way, hang-ups, and the last requests, without a key."""

import hashlib
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TypedDict

from testbed.emulator.records import digest, fingerprint

KEPT = 1000
"""So many requests are remembered."""

_KEY = re.compile(r"sk-[A-Za-z0-9_-]{8,}|(?<=openai-insecure-api-key\.)[^\s,]+")
_CREDENTIALS = ("authorization", "proxy-authorization")


class RequestRecord(TypedDict):
    """One request as it came. Times are Unix seconds; `ended` is null while it is under way."""

    endpoint: str | None
    method: str
    target: str
    """The raw path with its query."""
    headers: list[tuple[str, str]]
    """In their order, the names in lower case; of a credential its scheme and fingerprint."""
    fingerprint: str | None
    """Of the key that was sent, if any."""
    body_size: int
    body_sha256: str
    """Of what came of the body, or of the messages of a WebSocket one after the other."""
    body_complete: bool
    status: int | None
    request_id: str | None
    """The answer's x-request-id."""
    sent: int
    """Bytes of the answer's body."""
    began: float
    ended: float | None
    hung_up: bool
    close_code: int | None
    """How the client closed its WebSocket."""


class EndpointTraffic(TypedDict):
    """Requests of one endpoint; `last_hang_up` is in Unix seconds."""

    under_way: int
    hung_up: int
    last_hang_up: float | None


class TrafficSnapshot(TypedDict):
    """What GET /control/traffic answers; requests are in the order in which they came."""

    now: float
    endpoints: dict[str, EndpointTraffic]
    requests: list[RequestRecord]


@dataclass(eq=False)
class Exchange:
    """A request and what became of its answer; `endpoint` is None until it was routed."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    began: float
    endpoint: str | None = None
    body_size: int = 0
    body_complete: bool = False
    status: int | None = None
    request_id: str | None = None
    sent: int = 0
    answered: bool = False
    ended: float | None = None
    hung_up: bool = False
    close_code: int | None = None
    aborted: bool = False
    """The emulator itself closed the connection."""
    content: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)

    def receive(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.body_size += len(data)
        self.content.update(data)

    def record(self) -> RequestRecord:
        """Return what may be told of it."""
        keys = [value for name, value in self.headers if name == "authorization"]
        told = [_without_key(name, value) for name, value in self.headers]
        return {
            "endpoint": self.endpoint,
            "method": self.method,
            "target": _masked(self.target),
            "headers": told,
            "fingerprint": _fingerprint(keys[0]) if keys else None,
            "body_size": self.body_size,
            "body_sha256": self.content.hexdigest(),
            "body_complete": self.body_complete,
            "status": self.status,
            "request_id": self.request_id,
            "sent": self.sent,
            "began": self.began,
            "ended": self.ended,
            "hung_up": self.hung_up,
            "close_code": self.close_code,
        }


class Traffic:
    """All exchanges under way, and the last ones that ended."""

    def __init__(self) -> None:
        self._last: deque[Exchange] = deque(maxlen=KEPT)
        self._under_way: set[Exchange] = set()
        self._hung_up: Counter[str] = Counter()
        self._last_hang_up: dict[str, float] = {}

    def begin(self, exchange: Exchange) -> None:
        """Note a request that came."""
        self._last.append(exchange)
        self._under_way.add(exchange)

    def hang_up(self, exchange: Exchange, now: float) -> None:
        """Note that the client went away before the end of its answer."""
        exchange.hung_up = True
        name = exchange.endpoint or "none"
        self._hung_up[name] += 1
        self._last_hang_up[name] = now

    def end(self, exchange: Exchange, now: float) -> None:
        """Note that nothing works on this request any more."""
        exchange.ended = now
        self._under_way.discard(exchange)

    def forget(self) -> None:
        """Forget all but what is under way."""
        self._last.clear()
        self._hung_up.clear()
        self._last_hang_up.clear()

    def snapshot(self, now: float, last: int) -> TrafficSnapshot:
        """Describe it, with the last so many requests."""
        under_way = Counter(exchange.endpoint or "none" for exchange in self._under_way)
        names = sorted({*under_way, *self._hung_up, *(e.endpoint or "none" for e in self._last)})
        return {
            "now": now,
            "endpoints": {
                name: {
                    "under_way": under_way[name],
                    "hung_up": self._hung_up[name],
                    "last_hang_up": self._last_hang_up.get(name),
                }
                for name in names
            },
            "requests": [exchange.record() for exchange in [*self._last][-last:]] if last else [],
        }


def _without_key(name: str, value: str) -> tuple[str, str]:
    if name not in _CREDENTIALS:
        return name, _masked(value)
    scheme, space, _ = value.partition(" ")
    return name, f"{scheme} {_fingerprint(value)}" if space else _fingerprint(value)


def _fingerprint(credential: str) -> str:
    return fingerprint(digest(credential.rpartition(" ")[2]))


def _masked(text: str) -> str:
    return _KEY.sub(lambda found: fingerprint(digest(found[0])), text)
