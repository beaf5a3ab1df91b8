"""OpenAI's organization API, simulated: service accounts, and the limit of its calls."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final

from testbed.emulator.limits import MINUTE, RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.fleet.clock import Clock
    from testbed.emulator.endpoints import OrganizationEndpoint

LIMITED: Final = (
    "1 error occurred: API error (429): requests - You're making too many requests, please slow "
    "down. (code: rate_limit_exceeded)"
)
"""What Vault says, with status 500, when OpenAI was at its limit."""


class Organization:
    """The accounts of one organization; `per_minute` is None where calls have no limit.

    The limit is the emulator's: a bucket for each endpoint. A call that is refused costs nothing.
    """

    def __init__(self, clock: Clock, per_minute: int | None) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._limiter = RateLimiter()
        self._numbers = count(1)
        self.accounts: set[str] = set()
        self.deleted: Callable[[str], None] = lambda _: None
        self.mints: Counter[int] = Counter()  # by minute
        self.calls: Counter[int] = Counter()  # by minute, with those that were refused

    def create(self) -> str | None:
        """Mint: look at the project, then make a service account; None is a 429."""
        if not (self._takes("project.get") and self._takes("service_account.create")):
            return None
        account = f"svc-{next(self._numbers)}"
        self.accounts.add(account)
        self.mints[self._minute()] += 1
        return account

    def delete(self, account: str) -> bool:
        """Delete an account, and so end its key; False is a 429."""
        if not self._takes("service_account.delete"):
            return False
        self.accounts.remove(account)
        self.deleted(account)
        return True

    def _takes(self, endpoint: OrganizationEndpoint) -> bool:
        self.calls[self._minute()] += 1
        if self._per_minute is None:
            return True
        return self._limiter.take(endpoint, self._per_minute, self._clock.now) == 0

    def _minute(self) -> int:
        return int(self._clock.now // MINUTE)
