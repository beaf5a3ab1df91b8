"""Who uses the keys: of each key one reader of its file and one of the socket.

Whether a reader's key works is looked at whenever something of that may have changed, so the times
without a working key are exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import inf
from typing import Final, NamedTuple

from freshkey.core.model.view import KeyView

from tests.simulation.agent import Lives
from tests.simulation.broken import BrokenError
from tests.simulation.clocks import BOOT_AT
from tests.simulation.configuration import key_file
from tests.simulation.histories import Kind
from tests.simulation.openai_model import Account
from tests.simulation.world import World

_KEY: Final = r"([A-Za-z0-9_.-]+)"
_FORMATS: Final = {  # what stands in a file, by its format, and where the key is in it
    "raw": _KEY,
    "env": rf"OPENAI_API_KEY={_KEY}\n",
    "json": rf'\{{"name": "[a-z]+", "key": "{_KEY}", "tag": "[^{{}}]+\}}\n',
    "template": rf"[a-z]+: Bearer {_KEY}",
}


def key_in(content: str, file_format: str) -> str:
    """Return the key that an application finds in a file; empty if it has another format."""
    found = re.fullmatch(_FORMATS[file_format], content)
    return found[1] if found else ""


class Door(NamedTuple):
    """Where a reader gets a key."""

    name: str
    way: str  # file | socket


@dataclass
class Gap:
    """A time without a working key, for one cause, in seconds from the beginning.

    `cause`: missing, taken (missing, though the last key still lives), inactive (not active yet),
    refused (as every key is), overtaken (revoked when two later ones were out: no more than two
    leases are to live), or who ended the key: expiry, agent, outside. `since` is when the first of
    those began that follow on one another, or when the agent has seen it come. `lasted` is how long
    the last key was to live, as far as anybody was told.
    """

    door: Door
    cause: str
    began: float
    since: float
    lasted: float
    ended: float = inf


@dataclass
class Readers:
    """All readers of a world; a door counts from the first publish on, while it is configured."""

    world: World
    lives: Lives
    published: set[str] = field(default_factory=set)  # the keys that were, since configured
    doors: dict[Door, float] = field(default_factory=dict)  # since when each is looked at
    gaps: list[Gap] = field(default_factory=list)
    open_gaps: dict[Door, Gap] = field(default_factory=dict)
    given: dict[str, list[str]] = field(default_factory=dict)  # of each key, what the socket gave
    last: dict[Door, Account] = field(default_factory=dict)  # what each was given last
    shown: dict[str, KeyView] = field(default_factory=dict)
    watched: list[tuple[float, float]] = field(default_factory=list)  # from when to when, each door
    read: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)  # files, by stamp
    is_finished: bool = False

    def __post_init__(self) -> None:
        self.world.on_change.append(self.look)

    def show(self, view: KeyView) -> None:
        """Take note of what the socket answers from now on."""
        self.shown[view.name] = view
        if not self.is_finished:
            self.look()

    def file_key(self, name: str) -> str | None:
        """Return what stands in a key's file."""
        path = key_file(self.world.directory, name)
        try:
            status = path.stat()
            stamp = status.st_ino, status.st_mtime_ns, status.st_size
            if self.read.get(name, ((), ""))[0] != stamp:
                self.read[name] = stamp, key_in(path.read_text(), self._format(name))
        except FileNotFoundError:
            return None
        return self.read[name][1]

    def _format(self, name: str) -> str:
        plan = self.lives.plans.get(name)
        return plan.format if plan else "raw"

    def socket_key(self, name: str) -> str | None:
        """Return what the socket answers with."""
        view = self.shown.get(name)
        return view.publication.secret.reveal() if view and view.publication else None

    def look(self) -> None:
        """See which doors have a working key."""
        world = self.world
        for name, plan in self.lives.plans.items():
            published = self.socket_key(name)
            if published is not None:
                self.published.add(name)
                given = self.given.setdefault(name, [published])
                if given[-1] != published:
                    given.append(published)
            if name not in self.published:
                continue
            if plan.in_file:
                in_file = self.file_key(name)
                self._see(Door(name, "file"), in_file)
                if plan.verify == "require" and self._is_untested(in_file):
                    raise BrokenError(3, f"{name} is in its file untested at {world.elapsed:.3f}")
            if world.is_dead:
                self._leave(Door(name, "socket"))
            else:
                self._see(Door(name, "socket"), published)

    def _is_untested(self, secret: str | None) -> bool:
        """Whether it is a key that no test has found good."""
        openai = self.world.openai
        return secret in openai.by_secret and secret not in openai.tested

    def _see(self, door: Door, secret: str | None) -> None:
        elapsed = self.world.elapsed
        self.doors.setdefault(door, elapsed)
        cause, since = self._cause(door, secret), elapsed
        lasted = 0.0
        if door in self.last:
            last = self.last[door]
            since = min(since, last.told_until - BOOT_AT)
            lasted = last.told_until - last.made_at
        if door in self.open_gaps and self.open_gaps[door].cause != cause:
            since = self.open_gaps[door].since
            self._close(door)
        if cause and door not in self.open_gaps:
            gap = self.open_gaps[door] = Gap(door, cause, elapsed, since, lasted)
            self.gaps.append(gap)

    def _cause(self, door: Door, secret: str | None) -> str:
        """Say why a key does not work; empty when it does."""
        world = self.world
        account = world.openai.by_secret.get(secret or "")
        if account is None:
            last = self.last.get(door)
            return "taken" if last is not None and world.lives(last) else "missing"
        self.last[door] = account
        if account.works(world.now):
            return "refused" if world.window(Kind.OPENAI_REFUSES_ALL) else ""
        if world.now < account.active_at:
            return "inactive"
        later = self.given.get(door.name, [])[-2:]
        is_overtaken = len(later) == 2 and account.secret not in later and door.way == "file"
        return "overtaken" if is_overtaken and account.ended_by == "agent" else account.ended_by

    def _close(self, door: Door) -> None:
        if (gap := self.open_gaps.pop(door, None)) is not None:
            gap.ended = self.world.elapsed

    def _leave(self, door: Door) -> None:
        self._close(door)
        if door in self.doors:
            self.watched.append((self.doors.pop(door), self.world.elapsed))

    def forget(self, name: str) -> None:
        """Look at a key no more: it is not configured any longer."""
        self._leave(Door(name, "file"))
        self._leave(Door(name, "socket"))
        self.last.pop(Door(name, "file"), None)
        self.last.pop(Door(name, "socket"), None)
        self.shown.pop(name, None)
        self.published.discard(name)

    def pause(self) -> None:
        """Begin anew after a time in which nobody could read."""
        for door in tuple(self.open_gaps):
            self._close(door)

    def finish(self) -> None:
        """Look no more."""
        for door in tuple(self.doors):
            self._leave(door)
        self.world.on_change.remove(self.look)
        self.is_finished = True
