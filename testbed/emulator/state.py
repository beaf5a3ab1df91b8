"""All that one emulator knows."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from testbed.emulator.counters import RequestCounters
from testbed.emulator.endpoints import Endpoint, plane_of
from testbed.emulator.errors import ErrorName
from testbed.emulator.limits import RateLimiter
from testbed.emulator.organization import Organization
from testbed.emulator.settings import EmulatorSettings, lookup
from testbed.emulator.traffic import Traffic
from testbed.emulator.usage import Usage

if TYPE_CHECKING:
    from testbed.emulator.files import StoredFile


class EmulatorState:
    """Organization, usage, counters, settings. `now` returns Unix seconds, and never steps back."""

    organization: Organization
    usage: Usage
    request_counters: RequestCounters
    settings: EmulatorSettings
    limiter: RateLimiter
    files: "dict[str, StoredFile]"
    settings_changed: anyio.Event
    """Set at the next change of the settings, and replaced by another."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.traffic = Traffic()
        self.settings_changed = anyio.Event()
        self.reset()

    def reset(self) -> None:
        """Begin anew: no accounts, no counts, all settings at their default."""
        self.organization = Organization(self.now())
        self.usage = Usage()
        self.request_counters = RequestCounters()
        self.files = {}
        self.traffic.forget()
        self.configure(EmulatorSettings())

    def configure(self, settings: EmulatorSettings) -> None:
        """Set the settings; every budget of requests starts full."""
        self.settings = settings
        self.limiter = RateLimiter()
        self.settings_changed.set()
        self.settings_changed = anyio.Event()

    def next_error(self, endpoint: Endpoint) -> ErrorName | None:
        """Return the error that this endpoint is to answer, if any."""
        if lookup(self.settings.errors_left, endpoint, None) == 0:
            return None
        return lookup(self.settings.errors, endpoint, None)

    def count_error(self, endpoint: Endpoint) -> None:
        """Count an error that was answered off its setting."""
        left = self.settings.errors_left
        scope = endpoint if endpoint in left else plane_of(endpoint)
        if scope in left:
            rest = {**left, scope: left[scope] - 1}
            self.settings = replace(self.settings, errors_left=rest)

    def consume_lost_answer(self, endpoint: Endpoint) -> bool:
        """Tell whether this answer is to be lost, and count it off its setting."""
        lost = self.settings.lost_answers
        scope = endpoint if endpoint in lost else plane_of(endpoint)
        left = lost.get(scope, 0)
        if left == 0:
            return False
        self.settings = replace(self.settings, lost_answers={**lost, scope: left - 1})
        self.request_counters.lost[endpoint] += 1
        return True
