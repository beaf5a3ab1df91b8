"""Which keys an application was given of late, so that it can tell which one was refused."""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from typing import Final

_REMEMBERED: Final = 8  # keys: a request lasts minutes, in which a key changes a few times at most


class HandedOut:
    """The last few keys with their tags; safe from any thread, without a lock that a fork holds."""

    def __init__(self) -> None:
        self._keys: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)
        # One for each source, of which a process has a few: contexts keep such variables alive.
        self._last: ContextVar[str | None] = ContextVar("freshkey_last", default=None)

    def note(self, key: str, tag: str) -> None:
        """Remember a key that is given out to this thread or task."""
        if (key, tag) not in self._keys.copy():
            self._keys.append((key, tag))
        self._last.set(tag)

    def tag(self, key: str) -> str | None:
        """Return the newest tag of a key, None if it was not given out lately."""
        return next((tag for known, tag in reversed(self._keys.copy()) if known == key), None)

    def last_tag(self) -> str | None:
        """Return the tag of what this thread or task was given last, else of what anybody was."""
        keys = self._keys.copy()
        return self._last.get() or (keys[-1][1] if keys else None)
