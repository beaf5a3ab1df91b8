"""Vault Agent's rule, with its defaults, as the sources of Vault 1.21.1 have it.

- A key is fetched anew at 85 to 95 % of its lease, and the old one is never revoked
  (consul-template 0.41.1, `dependency/vault_common.go`, `leaseCheckWait`).
- A request that meets a 5xx is sent three times, 1 to 1.5 s and 2 to 3 s apart (`api/client.go`).
- What fails still is tried again after 250 ms, doubling to a minute, twelve times
  (consul-template, `config/retry.go`); then the template server starts anew after 1 s, doubling to
  5 min, less up to a quarter (`command/agent/template/template.go`, `sdk/helper/backoff`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.fleet.environment import LATENCY, MINT_LATENCY

if TYPE_CHECKING:
    from random import Random

    from bench.fleet.environment import Environment
    from bench.fleet.vault import Lease

REQUESTS: Final = 3
RETRIES: Final = 12
RETRY_BASE: Final = 0.25
RETRY_CAP: Final = 60.0
RESTART_BASE: Final = 1.0
RESTART_CAP: Final = 300.0


class VaultAgent:
    """One agent with one template; the token has no end."""

    def __init__(self, number: int, environment: Environment, chance: Random) -> None:
        self._number = number
        self._clock = environment.clock
        self._vault = environment.vault
        self._readers = environment.readers
        self._chance = chance
        self._life = 0  # what an earlier process asked for comes to nothing
        self._failures = self._restarts = 0
        self._restart_wait = RESTART_BASE

    def start(self) -> None:
        """Begin, with nothing that is known from before."""
        self._life += 1
        self._failures = self._restarts = 0
        self._restart_wait = RESTART_BASE
        self._request(1)

    def lose_files(self) -> None:
        """Lose what was written, as a new pod does."""
        self._readers.show(self._number, None)

    def kill(self) -> None:
        """End; the file stays."""
        self._life += 1

    def _later(self, seconds: float, attempt: int) -> None:
        life = self._life
        self._clock.after(seconds, lambda: self._request(attempt) if life == self._life else None)

    def _request(self, attempt: int) -> None:
        lease = None if self._vault.away else self._vault.mint("hvs.agent")
        if lease is not None:
            self._take(lease)
        elif attempt < REQUESTS:
            self._later(LATENCY + attempt * (1 + self._chance.random() / 2), attempt + 1)
        else:
            self._later(LATENCY + self._wait(), 1)

    def _take(self, lease: Lease) -> None:
        life = self._life
        self._failures = 0

        def write() -> None:
            if life == self._life:
                self._readers.show(self._number, lease.account)

        self._clock.after(MINT_LATENCY, write)
        self._later(self._vault.ttl * (0.85 + 0.1 * self._chance.random()), 1)

    def _wait(self) -> float:
        if self._failures < RETRIES:
            self._failures += 1
            return min(RETRY_BASE * 2.0 ** (self._failures - 1), RETRY_CAP)
        self._failures = 0
        if self._restarts:
            doubled = min(2 * self._restart_wait, RESTART_CAP)
            self._restart_wait = doubled * (1 - 0.25 * self._chance.random())
        self._restarts += 1
        return self._restart_wait
