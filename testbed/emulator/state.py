"""All that one emulator knows."""

from collections.abc import Callable
from dataclasses import replace

from testbed.emulator.counters import RequestCounters
from testbed.emulator.endpoints import Endpoint, plane_of
from testbed.emulator.limits import RateLimiter
from testbed.emulator.organization import Organization
from testbed.emulator.settings import EmulatorSettings
from testbed.emulator.usage import Usage


class EmulatorState:
    """Organization, usage, counters, settings. `now` returns Unix seconds, and never steps back."""

    organization: Organization
    usage: Usage
    request_counters: RequestCounters
    settings: EmulatorSettings
    limiter: RateLimiter

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.reset()

    def reset(self) -> None:
        """Begin anew: no accounts, no counts, all settings at their default."""
        self.organization = Organization(self.now())
        self.usage = Usage()
        self.request_counters = RequestCounters()
        self.configure(EmulatorSettings())

    def configure(self, settings: EmulatorSettings) -> None:
        """Set the settings; every budget of requests starts full."""
        self.settings = settings
        self.limiter = RateLimiter()

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
