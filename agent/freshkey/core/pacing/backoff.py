"""How long to wait after a failure: every failure costs an attempt, and an attempt costs time."""

from __future__ import annotations

from math import inf
from typing import Final

from freshkey.core.model.faults import Fault, FaultKind

BASE: Final = 1.0
CAP: Final = 60.0
FILES_CAP: Final = 5.0  # a file costs nothing to try, and its readers hold the old key
SLOW_BASE: Final = 10.0  # what only a person can mend: a policy, a role, a path
SLOW_CAP: Final = 300.0
UPSTREAM_BASE: Final = 5.0
LIMITED_BASE: Final = 20.0  # OpenAI's organization API at its limit refills in about a minute
LIMITED_CAP: Final = 600.0
LIMITED_PAUSE: Final = 60.0
TO_SPARE: Final = 5.0  # before the end of a key, for one more try
REFUSED_BASE: Final = 60.0
REFUSED_CAP: Final = 900.0
_LEAST_SHARE: Final = 0.1  # full jitter may draw 0, which would be no wait
_MOST_DOUBLINGS: Final = 32
_TOO_MANY_REQUESTS: Final = 429


def doubling(base: float, cap: float, failures: int) -> float:
    """Return `base` doubled for every failure after the first, `cap` at most."""
    return float(min(cap, base * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS)))


def jittered(base: float, cap: float, failures: int, draw: float) -> float:
    """Full jitter: a share `draw` of the doubled delay, at least a tenth of it."""
    return doubling(base, cap, failures) * max(draw, _LEAST_SHARE)


def delay(fault: Fault, failures: int, draw: float, remaining: float) -> float:
    """Return the seconds to wait before the next try.

    `failures` counts this one (1 for the first), `draw` is in [0, 1), `remaining` is how long the
    published key is still good: zero or less when there is none.
    """
    match fault.kind:
        case FaultKind.UPSTREAM if fault.upstream_status == _TOO_MANY_REQUESTS:
            if remaining <= 0:  # drawn, because a whole fleet may have met the limit together
                longest = doubling(2 * LIMITED_BASE, LIMITED_CAP, failures)
                return LIMITED_BASE + draw * (longest - LIMITED_BASE)
            return LIMITED_PAUSE + draw * (_longest_limited(remaining) - LIMITED_PAUSE)
        case FaultKind.UPSTREAM:  # each try asks OpenAI, and may count against the mint budget
            wait = jittered(UPSTREAM_BASE, CAP, failures, draw)
            return before_end(UPSTREAM_BASE, wait, remaining)
        case FaultKind.REFUSED:
            return doubling(REFUSED_BASE, REFUSED_CAP, failures)
        case FaultKind.THROTTLED if fault.retry_after is not None:
            return max(fault.retry_after, BASE) + jittered(BASE, CAP, failures, draw)
        case (
            FaultKind.FORBIDDEN | FaultKind.NOT_FOUND | FaultKind.BAD_REQUEST | FaultKind.MALFORMED
        ):
            wait = jittered(SLOW_BASE, SLOW_CAP, failures, draw)
            return before_end(SLOW_BASE, wait, remaining)
        case _:
            return before_end(BASE, jittered(BASE, CAP, failures, draw), remaining)


def before_end(base: float, wait: float, remaining: float) -> float:
    """Return a wait after which one more try falls before an end that is near, where one can."""
    return min(wait, max(base, remaining - TO_SPARE)) if remaining > 0 else wait


def _longest_limited(remaining: float) -> float:
    """Return the most that a good key waits: one more try falls before its end, where one can."""
    if remaining == inf:  # without a lease it has no end, and a user who waits for its successor
        return LIMITED_CAP
    return min(max(2 * LIMITED_PAUSE, remaining / 4), max(LIMITED_PAUSE, remaining - TO_SPARE))
