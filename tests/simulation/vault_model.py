"""A model of Vault with the OpenAI engine: tokens, leases, and what ends with what.

It is told the time with every call: seconds on the lease clock. `settle` does what fell due since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Final

from tests.simulation.openai_model import OpenAIModel

IDENTITY: Final = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzaW11bGF0ZWQifQ.c2lnbmF0dXJl"  # a JWT
# Vault repeats a revocation that the engine failed, six times within about ten minutes.
_RETRIES: Final = (10.0, 20.0, 40.0, 80.0, 160.0, 320.0)


@dataclass
class Token:
    """A token of a login."""

    value: str
    accessor: str
    batch: bool
    expires_at: float
    last: float  # what no renewal goes beyond
    told_until: float  # the end as somebody was told of it


@dataclass
class Lease:
    """A lease; `token` is the one it ends with."""

    id: str
    role: str
    token: str
    account: str
    issued_at: float
    expires_at: float
    last: float
    renewable: bool
    told_until: float
    renewed_at: float = 0.0


@dataclass
class Role:
    """What a path of the engine gives."""

    ttl: float = 3600.0
    max_ttl: float = 86400.0
    renewable: bool = False


@dataclass
class _Deletion:
    """A revocation that OpenAI has not done yet."""

    account: str
    by: str
    at: float
    failures: int = 0


@dataclass
class VaultModel:
    """What it holds."""

    openai: OpenAIModel
    random: Random
    token_ttl: float = 3600.0
    token_max: float = 86400.0
    batch: bool = False
    roles: dict[str, Role] = field(default_factory=dict)
    static: dict[str, str] = field(default_factory=dict)  # name to key, in KV
    tokens: dict[str, Token] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    deletions: list[_Deletion] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)  # every token that ever was
    irrevocable: set[str] = field(default_factory=set)  # accounts that Vault gave up on

    def next_due(self) -> float:
        """When something ends by itself next."""
        ends = [lease.expires_at for lease in self.leases.values()]
        ends += [token.expires_at for token in self.tokens.values()]
        return min([*ends, *(deletion.at for deletion in self.deletions)], default=inf)

    def settle(self, now: float) -> None:
        """Do all that fell due by now, in the order in which it did."""
        while (at := self.next_due()) <= now:
            for token in [t for t in self.tokens.values() if t.expires_at <= at]:
                self.end_token(token.value, at, "expiry")
            for lease in [one for one in self.leases.values() if one.expires_at <= at]:
                self.end_lease(lease.id, at, "expiry")
            for deletion in [one for one in self.deletions if one.at <= at]:
                self._delete(deletion, at)

    def log_in(self, now: float) -> Token:
        """Make a token."""
        value = f"hv{'b' if self.batch else 's'}.{self.random.getrandbits(160):040x}"
        accessor = "" if self.batch else f"{self.random.getrandbits(96):024x}"
        last = now + (self.token_ttl if self.batch else self.token_max)
        ends = min(now + self.token_ttl, last)
        token = self.tokens[value] = Token(value, accessor, self.batch, ends, last, ends)
        self.issued.append(value)
        return token

    def renew_token(self, token: Token, increment: float, now: float) -> float:
        """Renew it, and return for how long."""
        token.expires_at = min(now + (increment or self.token_ttl), token.last)
        return token.expires_at - now

    def mint(self, role_name: str, token: Token, ttl: float | None, now: float) -> Lease:
        """Have OpenAI make a key, and lease it."""
        role = self.roles[role_name]
        account = self.openai.create(role_name, now)
        seconds = ttl if ttl is not None and ttl < role.max_ttl else role.ttl
        if token.batch:
            seconds = min(seconds, float(int(token.expires_at - now)))
        lease_id = f"openai/creds/{role_name}/{self.random.getrandbits(120):030x}"
        account.lease = lease_id
        lease = Lease(
            lease_id,
            role_name,
            token.value,
            account.id,
            now,
            now + seconds,
            now + role.max_ttl,
            role.renewable,
            now + seconds,
        )
        self.leases[lease_id] = lease
        return lease

    def renew_lease(self, lease: Lease, increment: float, now: float) -> float:
        """Renew it, and return for how long."""
        lease.expires_at = min(now + (increment or self.roles[lease.role].ttl), lease.last)
        lease.renewed_at = now
        return lease.expires_at - now

    def tell_end(self, token: str, lease_id: object, late: float) -> None:
        """Take note that somebody was told of the end of a lease, or, without one, of its token.

        They count from their request, which was sent `late` seconds ago.
        """
        lease, holder = self.leases.get(str(lease_id)), self.tokens.get(token)
        if lease is not None:
            lease.told_until = lease.expires_at - late
        elif holder is not None and lease_id is None:
            holder.told_until = holder.expires_at - late

    def end_token(self, value: str, now: float, by: str) -> None:
        """End a token, and with it every lease under it."""
        for lease in [one for one in self.leases.values() if one.token == value]:
            self.end_lease(lease.id, now, by)
        self.tokens.pop(value, None)

    def end_lease(self, lease_id: str, now: float, by: str) -> None:
        """Take a revocation over: the lease is gone, the key once OpenAI has deleted it.

        `by`: expiry, agent, or outside.
        """
        lease = self.leases.pop(lease_id, None)
        if lease is not None:
            told_until = min(lease.told_until, self.tokens[lease.token].told_until)
            self.openai.accounts[lease.account].told_until = told_until
            deletion = _Deletion(lease.account, by, now)
            self.deletions.append(deletion)
            self._delete(deletion, now)

    def _delete(self, deletion: _Deletion, now: float) -> None:
        if not self.openai.deletion_error:
            self.openai.delete(deletion.account, now, deletion.by)
            self.deletions.remove(deletion)
        elif deletion.failures < len(_RETRIES):
            deletion.at = now + _RETRIES[deletion.failures]
            deletion.failures += 1
        else:
            self.irrevocable.add(deletion.account)
            self.deletions.remove(deletion)
