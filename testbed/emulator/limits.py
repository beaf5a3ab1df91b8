"""The limit of requests per minute: a bucket for each endpoint, refilled within 60 s."""

from testbed.emulator.endpoints import Endpoint

MINUTE = 60.0
ROUNDING = 1e-9
"""Keeps a caller who waited exactly long enough from being refused for a rounding error."""


class RateLimiter:
    """Buckets that start full. The time is an argument, in seconds."""

    def __init__(self) -> None:
        self._buckets: dict[Endpoint, tuple[float, float]] = {}

    def take(self, endpoint: Endpoint, per_minute: int, now: float) -> float:
        """Take one request; return 0, or the seconds until the next would be let through."""
        if per_minute == 0:
            return MINUTE
        rate = per_minute / MINUTE
        level, since = self._buckets.get(endpoint, (float(per_minute), now))
        level = min(per_minute, level + (now - since) * rate)
        if level >= 1 - ROUNDING:
            self._buckets[endpoint] = (level - 1, now)
            return 0
        self._buckets[endpoint] = (level, now)
        return (1 - level) / rate
