"""Vault, simulated for a fleet: leases, and what their ends cost at OpenAI.

A lease that ends, or is revoked, costs one call. Where OpenAI refuses that, Vault tries again as
`expiration.go` of Vault 1.21 does: six attempts, the wait doubles from 20 s, give or take a half.
After the last one the lease is irrevocable, and its key lives until a person deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from bench.fleet.clock import Clock
    from bench.fleet.organization import Organization

ATTEMPTS: Final = 6
RETRY_BASE: Final = 10.0


@dataclass(frozen=True)
class Lease:
    """One key: `token` is what it was minted with."""

    id: str
    token: str
    account: str
    ends_at: float


class Vault:
    """One Vault. While it is `away` it answers nothing, and ends no lease."""

    def __init__(
        self, clock: Clock, organization: Organization, chance: Random, ttl: float
    ) -> None:
        self._clock = clock
        self._organization = organization
        self._chance = chance
        self._numbers = count(1)
        self._leases: dict[str, Lease] = {}
        self._waiting: list[tuple[Lease, int]] = []
        self.ttl = ttl
        self.away = False
        self.irrevocable = 0

    def log_in(self) -> str:
        """Return a new token, which has no end."""
        return f"hvs.{next(self._numbers)}"

    def mint(self, token: str) -> Lease | None:
        """Return a new key; None if OpenAI is at its limit."""
        account = self._organization.create()
        if account is None:
            return None
        lease_id = f"openai/creds/app/{next(self._numbers)}"
        lease = Lease(lease_id, token, account, self._clock.now + self.ttl)
        self._leases[lease.id] = lease
        self._clock.at(lease.ends_at, lambda: self.end(lease.id))
        return lease

    def remaining(self, lease_id: str) -> float:
        """Return the seconds that a lease has left, 0 if it has ended."""
        lease = self._leases.get(lease_id)
        return max(0.0, lease.ends_at - self._clock.now) if lease is not None else 0.0

    def end(self, lease_id: str) -> None:
        """End a lease, by its time or because somebody asked for it; a second time does nothing."""
        lease = self._leases.pop(lease_id, None)
        if lease is not None:
            self._delete(lease, 0)

    def end_token(self, token: str) -> None:
        """End what was minted with a token."""
        for lease in [lease for lease in self._leases.values() if lease.token == token]:
            self.end(lease.id)

    def come_back(self) -> None:
        """End what should have ended while Vault was away."""
        self.away = False
        waiting, self._waiting = self._waiting, []
        for lease, attempts in waiting:
            self._delete(lease, attempts)

    def _delete(self, lease: Lease, attempts: int) -> None:
        if self.away:
            self._waiting.append((lease, attempts))
            return
        if self._organization.delete(lease.account):
            return
        attempts += 1
        if attempts >= ATTEMPTS:
            self.irrevocable += 1
            return
        wait = RETRY_BASE * 2**attempts * (0.5 + self._chance.random())
        self._clock.after(wait, lambda: self._delete(lease, attempts))
