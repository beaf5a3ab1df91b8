"""The life of each key: when it was minted, who read it, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from freshkey.core.model.struct import field
from freshkey.reporting.events import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.reporting.events import Event

_ENDS: Final = {"lease.revoked": "revoked", "lease.gone": "ended early", "lease.ended": "expired"}


class Life(msgspec.Struct):
    """One key that OpenAI made, or access token that it gave.

    Times are seconds since 1970; `not_after` is the lease's end.

    `ended_at` is None while it lives, or if no record says how it ended: it then ends with its
    lease. `readers` are those who were served, with how often.
    """

    name: str
    tag: str
    lease_id: str
    api_key_id: str
    service_account: str
    minted_at: float
    not_after: float
    published_at: float | None = None
    ended_at: float | None = None
    how: str = ""
    readers: dict[str, int] = field(default_factory=dict)

    def end(self, now: float) -> float:
        """Return when it ended, or `now` for one that lives."""
        return min(now, self.not_after) if self.ended_at is None else self.ended_at

    def lifetime(self, now: float) -> float:
        """Return for how many seconds it has lived."""
        return max(0.0, self.end(now) - self.minted_at)

    def ending(self, now: float) -> str:
        """Say how it ended, or that it lives."""
        if self.how:
            return self.how
        return "alive" if now < self.not_after else "expired"


class Report(msgspec.Struct):
    """What a period holds. `gaps` are spans in which readers of a name had no key."""

    lives: list[Life]
    gaps: dict[str, list[tuple[float, float]]]
    mints: dict[str, int]
    abandoned: dict[str, int]
    refused_reads: dict[str, int]


def report(events: Iterable[Event], since: float, until: float) -> Report:
    """Put the events together; a key belongs to the period if it lived within."""
    book = _Book(since, until)
    for event in events:
        book.take(event)
    lives = [
        life for life in book.lives.values() if life.minted_at <= until and life.end(until) >= since
    ]
    lives.sort(key=lambda life: (-life.lifetime(until), life.minted_at))
    return Report(lives, book.closed_gaps(), book.mints, book.abandoned, book.refused)


class _Book:
    """Takes events in the order of their times; counts are of the period, lives may be older."""

    def __init__(self, since: float, until: float) -> None:
        self.lives: dict[str, Life] = {}
        self.mints: dict[str, int] = {}
        self.abandoned: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self._since = since
        self._until = until
        self._by_tag: dict[tuple[str, str], Life] = {}
        self._gaps: dict[str, list[tuple[float, float]]] = {}
        self._without: dict[str, float] = {}
        self._stopped: dict[str, bool] = {}

    def take(self, event: Event) -> None:
        """Take one event."""
        if event.at > self._until:
            return
        name, lease = event.text("key"), event.text("lease_id")
        match event.name:
            case "key.minted" | "key.exchanged":
                self._mint(event, name, lease or _of_a_token(event))
            case "key.renewed" if lease in self.lives:
                self.lives[lease].not_after = _not_after(event, self.lives[lease].not_after)
            case "key.published":
                self._publish(event, name, lease or _of_a_token(event))
            case "key.withdrawn":
                self._withdraw(name, event)
            case "mint.abandoned":
                self._count(self.abandoned, name, event)
            case "key.read":
                self._read(event, name)
            case ended if ended in _ENDS and lease in self.lives:
                life = self.lives[lease]
                if life.ended_at is None:
                    life.ended_at, life.how = event.at, _ENDS[ended]
            case _:
                pass

    def closed_gaps(self) -> dict[str, list[tuple[float, float]]]:
        """Return the spans without a key that touch the period, cut to it.

        After a stop nobody is there who should have one, unless the agent came back.
        """
        for name, begun in self._without.items():
            if not self._stopped[name]:
                self._gaps.setdefault(name, []).append((begun, self._until))
        self._without.clear()
        cut = {
            name: [(max(a, self._since), b) for a, b in gaps if b > self._since and a < self._until]
            for name, gaps in self._gaps.items()
        }
        return {name: gaps for name, gaps in cut.items() if gaps}

    def _count(self, counts: dict[str, int], name: str, event: Event) -> None:
        if event.at >= self._since:
            counts[name] = counts.get(name, 0) + 1

    def _mint(self, event: Event, name: str, life_id: str) -> None:
        self._count(self.mints, name, event)
        life = Life(
            name=name,
            tag=event.text("tag"),
            lease_id=event.text("lease_id"),
            api_key_id=event.text("api_key_id"),
            service_account=event.text("service_account"),
            minted_at=event.at,
            not_after=_not_after(event, event.at),
        )
        self.lives[life_id] = life
        self._by_tag[name, life.tag] = life

    def _withdraw(self, name: str, event: Event) -> None:
        why = event.text("why")
        if why == "removed":  # nobody is to have it any more
            self._without.pop(name, None)
        else:
            self._without.setdefault(name, event.at)
            self._stopped[name] = why == "stop"

    def _publish(self, event: Event, name: str, life_id: str) -> None:
        if (begun := self._without.pop(name, None)) is not None:
            self._gaps.setdefault(name, []).append((begun, event.at))
        if (life := self.lives.get(life_id)) is not None:
            life.published_at = life.published_at or event.at
            life.tag = event.text("tag")
            self._by_tag[name, life.tag] = life

    def _read(self, event: Event, name: str) -> None:
        if event.text("outcome") not in {"served", "not_modified"}:
            self._count(self.refused, name, event)
            return
        if (life := self._by_tag.get((name, event.text("tag")))) is not None:
            reader = reader_of(event)
            life.readers[reader] = life.readers.get(reader, 0) + 1


def reader_of(event: Event) -> str:
    """Name who read by the best that is known: its unit, else its program, with the user."""
    what = event.text("unit") or event.text("executable") or "a process"
    return f"{what} (uid {event.text('uid') or '?'})"


def orphans(accounts: Iterable[tuple[str, str]], events: Iterable[Event]) -> list[tuple[str, str]]:
    """Return the service accounts, as id and name, that no record names."""
    known = {event.text("service_account") for event in events}
    return [(id_, name) for id_, name in accounts if name not in known and id_ not in known]


def _of_a_token(event: Event) -> str:
    """Name the life of an access token, which has no lease, by what its tag says of its value.

    The generation in a tag may be another one when it is published.
    """
    return f"{event.text('key')} {event.text('tag').rpartition('-')[2]}"


def _not_after(event: Event, otherwise: float) -> float:
    try:
        return moment(event.text("not_after"))
    except ValueError:
        return otherwise
