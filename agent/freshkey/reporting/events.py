"""Audit files as events, in the order of their times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
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
    """What was found: events, and how many lines of which file are none."""

    events: list[Event]
    others: dict[str, int]


def read(files: Iterable[tuple[str, Iterable[str]]]) -> Read:
    """Take files by their names, as JSON lines; a line that is there twice counts once."""
    events: list[Event] = []
    others: dict[str, int] = {}
    seen: set[bytes] = set()
    for name, lines in files:
        for line in filter(str.strip, lines):
            digest = sha256(line.strip().encode(errors="replace")).digest()
            if digest in seen:
                continue
            seen.add(digest)
            event = _event(line)
            if event is None:
                others[name] = others.get(name, 0) + 1
            else:
                events.append(event)
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
    try:
        return found.astimezone(UTC).timestamp()
    except OverflowError:  # at the ends of the calendar its zone may leave it
        raise ValueError("a time before the year 1, or after 9999") from None
