"""All that one emulator knows."""

from collections.abc import Callable
from dataclasses import replace

from testbed.emulator.endpoints import Endpoint, plane_of
from testbed.emulator.knobs import Knobs
from testbed.emulator.limits import RateLimiter
from testbed.emulator.state import Organization
from testbed.emulator.tally import Traffic
from testbed.emulator.usage import Usage


class World:
    """Organization, usage, counters, and knobs. `now` returns Unix seconds and never steps back."""

    organization: Organization
    usage: Usage
    traffic: Traffic
    knobs: Knobs
    limiter: RateLimiter

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.reset()

    def reset(self) -> None:
        """Begin anew: no accounts, no counts, all knobs at their default."""
        self.organization = Organization(self.now())
        self.usage = Usage()
        self.traffic = Traffic()
        self.turn(Knobs())

    def turn(self, knobs: Knobs) -> None:
        """Set the knobs; every budget of requests starts full."""
        self.knobs = knobs
        self.limiter = RateLimiter()

    def loses(self, endpoint: Endpoint) -> bool:
        """Tell whether this answer is to be lost, and count it off its knob."""
        lost = self.knobs.lost_answers
        scope = endpoint if endpoint in lost else plane_of(endpoint)
        left = lost.get(scope, 0)
        if left == 0:
            return False
        self.knobs = replace(self.knobs, lost_answers={**lost, scope: left - 1})
        self.traffic.lost[endpoint] += 1
        return True
