"""What becomes of the command: started, stopped, signalled, left. Time is an argument."""

from __future__ import annotations

import signal
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.core.model.secret import Secret

BETWEEN_STARTS: Final = 5.0  # seconds from one start to the next, at least
PATIENCE: Final = 5.0  # seconds to wait for keys that may be missing, or are past their end
OLD: Final = 1.0  # seconds after which a key may have been withdrawn, and is asked for again
ANSWER: Final = 1.0  # seconds for the agent to say that it still has it
NEVER_STARTED: Final = 1  # the exit status when a signal came before the first start

# By default these end a process. The first is left out while the command is being restarted:
# to many commands it means a reload.
_ENDING: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
_ENDING_A_RESTART: Final = _ENDING - {signal.SIGHUP}


class OnChange(Enum):
    """What to do when a key of the running command was replaced."""

    RESTART = "restart"
    SIGNAL = "signal"
    NONE = "none"


class Rules(NamedTuple):
    """What the user asked for; `stop_timeout` is in seconds."""

    on_change: OnChange = OnChange.RESTART
    signal: int = signal.SIGHUP
    stop_timeout: float = 10.0
    allow_missing: bool = False


class Start(NamedTuple):
    """Start the command with these keys, by their names."""

    keys: Mapping[str, Secret]


class Send(NamedTuple):
    """Send the command a signal."""

    number: int


class AskAgain(NamedTuple):
    """Ask the agent for every key anew: `on_key` is to be called for those that it has."""


class Leave(NamedTuple):
    """End with this status; no command runs."""

    status: int


Order = Start | Send | AskAgain | Leave


@final
class Supervision:
    """Decides over one command from what happens around it.

    `names` are the keys that it needs. Every instant is in seconds of one monotonic clock.
    """

    def __init__(self, rules: Rules, names: frozenset[str], now: float) -> None:
        self._rules = rules
        self._names = names
        self._begun = now
        self._keys: dict[str, Secret] = {}
        self._stale: set[str] = set()  # names of those that are past their end
        self._came_at: dict[str, float] = {}
        self._asked_at: float | None = None  # when it asked again, before a start
        self._given: dict[str, Secret] = {}  # what the command got, or was told of
        self._started_at: float | None = None
        self._running = False
        self._kill_at: float | None = None  # set while it is being stopped for a restart
        self._killed = False
        self._leaving = False
        self._status = NEVER_STARTED
        self._signals: list[int] = []

    @property
    def ever_started(self) -> bool:
        """Whether the command was started once."""
        return self._started_at is not None

    @property
    def missing(self) -> list[str]:
        """The names of the keys that did not come yet."""
        return sorted(self._names - self._keys.keys())

    def on_key(self, name: str, key: Secret, now: float, *, stale: bool = False) -> None:
        """Take a key, or one that replaces it; `stale` if it is past its end already."""
        self._keys[name] = key
        self._came_at[name] = now
        self._stale.discard(name)
        if stale:
            self._stale.add(name)

    def unconfirmed(self, now: float) -> list[str]:
        """Return the keys that the agent was asked for again, and had time to give, and did not."""
        if self._asked_at is None or now < self._asked_at + ANSWER:
            return []
        return self._came_before(self._asked_at)

    def _came_before(self, instant: float) -> list[str]:
        return [name for name, at in self._came_at.items() if at < instant]

    def on_withdrawn(self, name: str) -> None:
        """Take it that the agent has no such key any more: a start waits for the next one."""
        self._keys.pop(name, None)
        self._came_at.pop(name, None)

    def on_ended(self, status: int) -> None:
        """Take it that the command has ended, with a status as a shell gives it."""
        self._running = False
        self._status = status
        if self._kill_at is None:
            self._leaving = True  # by itself: nothing starts it again
        self._kill_at = None

    def on_signal(self, number: int, *, reached: bool = False) -> None:
        """Take a signal that is meant for the command; `reached` if it has got it already."""
        if not self._running:
            self._leaving |= number in _ENDING
            return
        if self._kill_at is not None and number in _ENDING_A_RESTART:
            self._leaving = True
        if not reached:
            self._signals.append(number)

    def plan(self, now: float) -> list[Order]:
        """Return what is to be done now, in this order; it counts as done."""
        if not self._running:
            if self._leaving:
                return [Leave(self._status)]
            if self._may_start(now):
                return self._start(now)
            self._asked_at = None
            return []
        orders: list[Order] = [Send(number) for number in self._signals]
        self._signals.clear()
        if self._kill_at is not None:
            if now >= self._kill_at and not self._killed:
                self._killed = True
                orders.append(Send(signal.SIGKILL))
        elif self._keys != self._given and now >= self._change_at():
            orders += self._change(now)
        return orders

    def wake_at(self) -> float | None:
        """Return when time alone may give something to do, None for never."""
        if not self._running:
            if self._asked_at is not None:
                return self._asked_at + ANSWER
            may_go_on = self._rules.allow_missing or not self.missing
            return self._begun + PATIENCE if may_go_on else None
        if self._kill_at is not None:
            return None if self._killed else self._kill_at
        return self._change_at() if self._keys != self._given else None

    def _may_start(self, now: float) -> bool:
        """Whether every key is there; one that is past its end has some time to be replaced."""
        waited = self.ever_started or now >= self._begun + PATIENCE
        if self.missing:
            return self._rules.allow_missing and waited
        return waited or not self._stale

    def _start(self, now: float) -> list[Order]:
        """Start the command, after a question if a key has been held for a while.

        Nobody tells of a key that is withdrawn. With the agent away, what is held has to do.
        """
        if self._asked_at is None:
            if self._came_before(now - OLD):
                self._asked_at = now
                return [AskAgain()]
        elif now < self._asked_at + ANSWER and self._came_before(self._asked_at):
            return []
        self._asked_at = None
        self._given = dict(self._keys)
        self._started_at = now
        self._running = True
        self._killed = False
        return [Start(self._given)]

    def _change_at(self) -> float:
        """Return the earliest time for a change: a restart is never followed by one at once."""
        if self._rules.on_change is OnChange.RESTART and self._started_at is not None:
            return self._started_at + BETWEEN_STARTS
        return self._begun

    def _change(self, now: float) -> list[Order]:
        match self._rules.on_change:
            case OnChange.RESTART:
                self._kill_at = now + self._rules.stop_timeout
                return [Send(signal.SIGTERM)]
            case OnChange.SIGNAL:
                self._given = dict(self._keys)
                return [Send(self._rules.signal)]
            case OnChange.NONE:
                self._given = dict(self._keys)
                return []
