"""Tells systemd how the agent is doing: ready, its keys, and that it is alive.

Sources: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import time
from math import inf
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.core.model.view import KeyStatus
from freshkey.host.notify import notify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from freshkey.core.model.view import KeyView
    from freshkey.host.clock import WallClock
    from freshkey.serve.published_keys import PublishedKeys

_STATUS_EVERY: Final = 10.0  # seconds; the time to an expiry changes each second
_NAMED: Final = 5  # keys; a status is one line of `systemctl status`
_SLOWEST_TURN: Final = 35.0  # seconds: the longest nap of the main loop, and a little


@final
class ServiceManager:
    """Tells what `watch` names.

    READY is sent when every key is published, and after each reload from then on. The watchdog is
    told that the agent is alive only while the main loop turns.
    """

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._views: Collection[KeyView] = ()
        self._stepped_at: Callable[[], float] = _never
        self._beat_every = watchdog_interval(os.environ)
        self._is_ready = False
        self._refused = False
        self._told = ""
        self._news = trio.Event()

    def watch(self, published_keys: PublishedKeys, stepped_at: Callable[[], float]) -> None:
        """Tell of these keys from now on; `stepped_at` is when the main loop made its last step."""
        self._views, self._stepped_at = published_keys.views(), stepped_at
        for view in self._views:
            published_keys.news(view.name).add(self._wake)

    def begin_reload(self) -> None:
        """Tell that the configuration is being read; `end_reload` has to follow."""
        notify(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def end_reload(self, *, refused: bool) -> None:
        """Tell that the agent goes on, under the new configuration or, if refused, the old one."""
        self._refused = refused
        if self._is_ready:  # before, it would be taken for the end of the start
            notify(READY=1)
        self._wake()

    async def run(self) -> None:
        """Tell what is new, for ever; returns at once if nobody wants to hear it."""
        if "NOTIFY_SOCKET" not in os.environ:
            return
        while True:
            self._tell()
            with trio.move_on_after(min(self._beat_every or _STATUS_EVERY, _STATUS_EVERY)):
                await self._news.wait()
            self._news = trio.Event()

    def _wake(self) -> None:
        self._news.set()

    def _tell(self) -> None:
        refused = "configuration refused, see the log; " if self._refused else ""
        status = refused + describe(self._views, self._clock)
        told: dict[str, str | int] = {}
        if not self._is_ready and self._views and all(view.publication for view in self._views):
            told["READY"] = 1
        if status != self._told:
            told["STATUS"] = status
        if self._beat_every and trio.current_time() - self._stepped_at() <= _SLOWEST_TURN:
            told["WATCHDOG"] = 1
        if told and notify(**told):
            self._is_ready = self._is_ready or "READY" in told
            self._told = status


def _never() -> float:
    return -inf


def watchdog_interval(environ: Mapping[str, str]) -> float | None:
    """Return how often systemd's watchdog is to be told, in seconds: half its time; None: never."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isascii() or not microseconds.isdigit() or not int(microseconds):
        return None
    return int(microseconds) / 2e6


def describe(views: Collection[KeyView], clock: WallClock) -> str:
    """Say in a line which keys there are, and for how long: those first that end first."""

    def expires_in(view: KeyView) -> float:
        out = view.publication
        if out is None:
            return -inf
        return inf if out.expires_at is None else clock.expires_in(out.expires_at)

    def of_one(view: KeyView) -> str:
        if view.publication is None:
            return f"{view.name}: {view.status}"
        seconds = expires_in(view)
        life = "no expiry" if seconds == inf else f"{seconds:.0f} s"
        return f"{view.name}: {life}{' stale' * (view.status is KeyStatus.STALE)}"

    ordered = sorted(views, key=expires_in)
    parts = [of_one(view) for view in ordered[:_NAMED]]
    rest = len(ordered) - _NAMED
    if rest > 0:
        parts.append(f"and {rest} more")
    return ", ".join(parts)
