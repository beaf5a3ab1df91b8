"""Who has a working key, at every moment: one that OpenAI takes, whatever Vault says of it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from bench.fleet.clock import Clock

SETTLED: Final = 120.0
"""Seconds within which an event shows its effect on the readers."""


class Readers:
    """The keys that are to be had. Each is held in the file of one agent, by its number.

    `accounts` are those whose keys OpenAI takes: `on_deleted` tells when one goes.
    """

    def __init__(self, clock: Clock, count: int, accounts: AbstractSet[str]) -> None:
        self._clock = clock
        self._accounts = accounts
        self._held: list[str | None] = [None] * count
        self._holders: dict[str, int] = {}
        self._without: dict[int, float] = dict.fromkeys(range(count), 0.0)  # and since when
        self._spent = 0.0
        self.longest = 0.0
        self.changes: list[tuple[float, int]] = []  # when, and how many are without then

    @property
    def without(self) -> int:
        """How many have no working key now."""
        return len(self._without)

    def show(self, number: int, account: str | None) -> None:
        """An agent has written another key, or removed it."""
        self._holders.pop(self._held[number] or "", None)
        self._held[number] = account
        if account is None or account not in self._accounts:
            self._lose(number)
            return
        self._holders[account] = number
        since = self._without.pop(number, None)
        if since is not None:
            self._count(since)
            self._note()

    def on_deleted(self, account: str) -> None:
        """OpenAI takes a key no more."""
        number = self._holders.pop(account, None)
        if number is not None:
            self._lose(number)

    def begin(self) -> None:
        """Begin to measure here."""
        self._without = dict.fromkeys(self._without, self._clock.now)
        self._spent = self.longest = 0.0
        self.changes = [(self._clock.now, self.without)]

    def finish(self) -> float:
        """Return the seconds that all together were without since `begin`."""
        for since in self._without.values():
            self._count(since)
        self._without = dict.fromkeys(self._without, self._clock.now)
        return self._spent

    def all_have_one_after(self, event: float) -> float | None:
        """Return how long after an event all had one again; None if that did not happen."""
        before = [left for time, left in self.changes if time <= event]
        soon = [left for time, left in self.changes if event < time <= event + SETTLED]
        if not any([*before[-1:], *soon]):
            return 0.0
        first = next((at for at, left in self.changes if at > event and not left), inf)
        return first - event if first < inf else None

    def series(self, begin: float, end: float, step: float) -> list[int]:
        """Return how many were without, at every `step` seconds."""
        found, left, changes = [], 0, iter([*self.changes, (inf, 0)])
        at, following = next(changes)
        time = begin
        while time < end:
            while at <= time:
                left = following
                at, following = next(changes)
            found.append(left)
            time += step
        return found

    def _lose(self, number: int) -> None:
        if number not in self._without:
            self._without[number] = self._clock.now
            self._note()

    def _count(self, since: float) -> None:
        spent = self._clock.now - since
        self._spent += spent
        self.longest = max(self.longest, spent)

    def _note(self) -> None:
        self.changes.append((self._clock.now, self.without))
