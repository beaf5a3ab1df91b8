"""Audit files as events, in the order of their times."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Event(NamedTuple):
    """One event: its time in seconds since 1970, its name, and its fields."""

    at: float
    name: str
    fields: dict[str, Any]

    def text(self, field: str) -> str:
        """Return a field as text, empty if it is missing."""
        value = self.fields.get(field)
        return "" if value is None else str(value)


class Read(NamedTuple):
    """What was found: events, and how many lines are none."""

    events: list[Event]
    others: int


def read(lines: Iterable[str]) -> Read:
    """Take JSON lines of one file or of several; a line that is no event is counted."""
    events, others = [], 0
    for line in lines:
        event = _event(line)
        if event is not None:
            events.append(event)
        elif line.strip():
            others += 1
    return Read(sorted(events, key=lambda event: event.at), others)


def _event(line: str) -> Event | None:
    try:
        fields = json.loads(line)
        return Event(moment(fields["timestamp"]), str(fields["event"]), fields)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def moment(text: str) -> float:
    """Return the seconds since 1970 of an RFC 3339 time; raises ValueError, and TypeError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.timestamp()
