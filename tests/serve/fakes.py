"""Routes that are put together as the agent does, with stand-ins for clock, record, and control."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Collection

    from freshkey.serve.access import Access
    from freshkey.serve.gateway import Gateway
    from freshkey.serve.published_keys import PublishedKeys
    from freshkey.serve.readers import Readers


class StoppedClock:
    """At lease time 400, which is 2030-01-01, 00:00:00Z."""

    def expires_in(self, expires_at: float) -> int:
        return int(expires_at // 1) - 400

    def not_after(self, expires_at: float) -> str:
        return f"2030-01-01T00:{int(expires_at - 400) // 60:02}:00Z"


@dataclass
class Reads:
    """What the audit record was told, and how many events were written at a time."""

    events: list[dict[str, object]] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)

    def part(self, **fields: object) -> bytes:
        return json.dumps(fields)[1:-1].encode()

    def read(self, event: str, *parts: bytes) -> None:
        self.events.append({"event": event, **json.loads(b"{%b}" % b", ".join(parts))})

    def flush(self) -> None:
        self.commits.append(len(self.events) - sum(self.commits))

    @property
    def outcomes(self) -> list[object]:
        return [event["outcome"] for event in self.events]


@dataclass
class FakeControl:
    """What the agent was asked for."""

    asked: list[tuple[object, ...]] = field(default_factory=list)

    def report(self, name: str, tag: str) -> None:
        self.asked.append(("report", name, tag))

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        self.asked.append(("rotate", name, compromised, now))

    def status(self, names: Collection[str]) -> dict[str, object]:
        return {"version": "1.2.3", "pid": 5, "keys": sorted(names)}

    def metrics(self) -> bytes:
        return b"metrics\n"


def routes_of(  # noqa: PLR0913 - what the agent puts together
    published_keys: PublishedKeys,
    access: Access,
    reads: Reads,
    control: FakeControl,
    readers: Readers,
    *,
    gateway: Gateway | None = None,
) -> Routes:
    """Put routes together as the agent does."""
    audit = RequestAudit(reads)
    reading = Reading(published_keys, access, StoppedClock(), audit, readers)
    notices = Notices(published_keys, access, control, audit)
    return Routes(published_keys, reading, notices, control, Runs(gateway, published_keys, audit))
