"""Vault and OpenAI's view of its keys, simulated: leases and tokens that live and die."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import assert_never

from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Ping,
    Refresh,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
    TokenOrder,
    VaultKeyOrder,
)
from freshkey.core.model.events import (
    Event,
    Exchanged,
    Failed,
    Issued,
    LoggedIn,
    LookedUp,
    Pinged,
    Refreshed,
    Renewed,
    Revoked,
    TokenLookedUp,
    TokenRenewed,
    TokenRevoked,
)
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import Grant, Login, Renewal, TokenKind
from freshkey.core.model.secret import Secret

from tests.core.holdings import Holdings, VaultLease, VaultToken

VaultOrder = VaultKeyOrder | Exchange | TokenOrder | Ping

INVALID = Fault(FaultKind.TOKEN_INVALID, "invalid token")
GONE = Fault(FaultKind.BAD_REQUEST, "lease not found")
NOTHING = Fault(FaultKind.NOT_FOUND, "Vault finds nothing")


@dataclass
class Vault(Holdings):
    """What Vault grants, in seconds. All instants are on its own clock."""

    lease_ttl: float = 3600.0
    lease_max: float = inf
    renewable: bool = False
    token_ttl: float = inf
    token_max: float = inf
    token_kind: TokenKind = TokenKind.SERVICE
    token_renewable: bool = True
    given_token: str | None = None  # method `token`: every login reads this one
    activation: float = 0.0  # until OpenAI knows a new key
    exchange_ttl: float = 3600.0  # of an access token of OpenAI's
    identity_end: float = inf  # no access token outlives the identity token that it is given for
    gives_again: bool = False  # OpenAI gives the same access token as long as it lives
    exchanged: dict[str, float] = field(default_factory=dict)  # such tokens, and when they end
    _asked_at: float = 0.0

    def perform(self, order: VaultOrder, now: float, asked_at: float) -> Event:
        """Do what is asked, at once; `asked_at` is the agent's own clock."""
        self._asked_at = asked_at
        match order:
            case Ping():
                return Pinged(order)
            case LogIn():
                token = self._login(now)
                return LoggedIn(order, self._terms(token, now)) if token else Failed(order, INVALID)
            case RevokeToken():
                self.end_token(order.token.reveal())
                return TokenRevoked(order)
            case Exchange(token=None):
                return self._exchange(order, now)
            case _:
                assert order.token is not None
                token = self.token_of(order.token, now)
                if token is None:
                    return Failed(order, INVALID)
                return self._permitted(order, token, now)

    def _permitted(
        self,
        order: Issue | Refresh | Exchange | Renew | LookUp | Revoke | RenewToken | LookUpToken,
        token: VaultToken,
        now: float,
    ) -> Event:
        match order:
            case LookUpToken():
                return TokenLookedUp(order, self._terms(token, now))
            case RenewToken():
                token.expires_at = min(now + order.increment, token.last)
                return TokenRenewed(
                    order, Renewal(token.expires_at - now, renewable=True, asked_at=self._asked_at)
                )
            case Issue() | Refresh() if order.name in self.static_keys:
                return self._read(order)
            case Issue() | Refresh():
                return self._mint(order, token, now)
            case Exchange():
                return self._exchange(order, now)
            case Renew():
                return self._renew(order, now)
            case LookUp():
                lease = self.living(order.lease_id, now)
                left = None if lease is None else float(int(lease.expires_at - now))
                found = None if left is None else Renewal(left, self.renewable, self._asked_at)
                return LookedUp(order, found)
            case Revoke():
                self.end_lease(order.lease_id)
                return Revoked(order, f"correlation-{order.lease_id}")
            case _:
                assert_never(order)

    def accepts(self, secret: str, now: float) -> bool:
        """Whether OpenAI takes a key."""
        if secret in self.refused:
            return False
        if secret in self.static_keys.values():
            return True
        if secret in self.exchanged:
            return now < self.exchanged[secret]
        lease = self.lease_of(secret, now)
        return lease is not None and now >= lease.minted_at + self.activation

    def _login(self, now: float) -> VaultToken | None:
        given = self.given_token
        if given in self.revoked_tokens or given in self.tokens:
            return self.token_of(Secret(given), now) if given else None
        value = self.given_token or f"hvs.{next(self.numbers)}"
        expires_at, last = now + self.token_ttl, now + self.token_max
        token = VaultToken(value, self.token_kind, min(expires_at, last), last, now)
        self.tokens[value] = token
        return token

    def _terms(self, token: VaultToken, now: float) -> Login:
        left = token.expires_at - now
        return Login(
            Secret(token.value),
            token.value.replace("hvs.", "accessor-"),
            token.kind,
            None if left == inf else left,
            renewable=self.token_renewable and token.kind is TokenKind.SERVICE,
            owned=self.given_token is None,
            asked_at=self._asked_at,
            term=self.token_ttl if self.given_token is not None and self.token_ttl < inf else None,
        )

    def _read(self, order: Issue | Refresh) -> Event:
        if self.deleted:
            return Failed(order, NOTHING)
        secret = Secret(self.static_keys[order.name])
        grant = Grant("", inf, renewable=False, secret=secret, asked_at=self._asked_at)
        return Issued(order, grant) if isinstance(order, Issue) else Refreshed(order, grant)

    def _mint(self, order: Issue | Refresh, token: VaultToken, now: float) -> Event:
        number = next(self.numbers)
        ttl = self.lease_ttl
        if token.kind is TokenKind.BATCH:  # as Vault does: it cuts the lease of a batch token
            ttl = min(ttl, token.expires_at - now)
        lease = VaultLease(
            f"openai/creds/{order.name}/{number}",
            order.name,
            token.value,
            f"sk-{number}",
            now,
            now + ttl,
        )
        self.leases[lease.id] = lease
        self.by_secret[lease.secret] = lease.id
        grant = Grant(
            lease.id,
            ttl,
            self.renewable,
            Secret(lease.secret),
            now,
            f"key_{number}",
            f"svc-{number}",
            f"request-{number}",
        )
        return Issued(order, grant) if isinstance(order, Issue) else Refreshed(order, grant)

    def _exchange(self, order: Exchange, now: float) -> Event:
        number = next(self.numbers)
        ttl = min(self.exchange_ttl, self.identity_end - now)
        alive = [secret for secret, end in self.exchanged.items() if now < end]
        secret = alive[-1] if self.gives_again and alive else f"oaiat-{number}"
        self.exchanged[secret] = now + ttl
        grant = Grant(
            "",
            ttl,
            renewable=False,
            secret=Secret(secret),
            asked_at=self._asked_at,
            service_account="svc_acct_1",
            request_id=f"request-{number}",
        )
        return Exchanged(order, grant)

    def _renew(self, order: Renew, now: float) -> Event:
        lease = self.living(order.lease_id, now)
        if lease is None or not self.renewable:
            return Failed(order, GONE)
        lease.expires_at = min(now + order.increment, lease.minted_at + self.lease_max)
        return Renewed(
            order,
            Renewal(lease.expires_at - now, True, self._asked_at, "request-r"),  # noqa: FBT003 - renewable
        )
