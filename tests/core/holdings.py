"""What a simulated Vault holds, and how that ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from freshkey.core.model.grants import TokenKind
from freshkey.core.model.secret import Secret


@dataclass
class VaultLease:
    id: str
    name: str
    token: str
    secret: str
    minted_at: float
    expires_at: float


@dataclass
class VaultToken:
    value: str
    kind: TokenKind
    expires_at: float
    last: float  # no renewal goes beyond it
    logged_in_at: float


@dataclass(kw_only=True)
class Holdings:
    """Leases and tokens that live and die, and keys without a lease. Instants are Vault's."""

    leases: dict[str, VaultLease] = field(default_factory=dict)
    tokens: dict[str, VaultToken] = field(default_factory=dict)
    revoked_tokens: list[str] = field(default_factory=list)
    static_keys: dict[str, str] = field(default_factory=dict)  # by name: no lease, as in KV
    deleted: bool = False  # the static keys are
    refused: set[str] = field(default_factory=set)  # of these OpenAI takes no more
    by_secret: dict[str, str] = field(default_factory=dict)  # a key to the id of its lease
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def alive(self, now: float) -> list[VaultLease]:
        """The leases that have not ended."""
        for lease in list(self.leases.values()):
            if self.living(lease.id, now) is None:
                self.end_lease(lease.id)
        return list(self.leases.values())

    def lease_of(self, secret: str, now: float) -> VaultLease | None:
        """The lease of a key, while it lives."""
        return self.living(self.by_secret.get(secret, ""), now)

    def end_lease(self, lease_id: str) -> None:
        lease = self.leases.pop(lease_id, None)
        if lease is not None:
            del self.by_secret[lease.secret]

    def end_token(self, value: str) -> None:
        self.tokens.pop(value, None)
        self.revoked_tokens.append(value)
        for lease in [lease for lease in self.leases.values() if lease.token == value]:
            self.end_lease(lease.id)

    def end_everything(self) -> None:
        """Somebody revokes all tokens, and so all leases."""
        for value in list(self.tokens):
            self.end_token(value)

    def put(self) -> None:
        """Somebody puts new keys where they have no lease."""
        self.deleted = False
        self.static_keys = {name: f"sk-{name}-{next(self.numbers)}" for name in self.static_keys}

    def delete(self) -> None:
        """Somebody deletes the keys that have no lease."""
        self.deleted = True

    def refuse(self) -> None:
        """OpenAI takes these no more."""
        self.refused.update(self.static_keys.values())

    def token_of(self, secret: Secret, now: float) -> VaultToken | None:
        token = self.tokens.get(secret.reveal())
        return token if token is not None and now < token.expires_at else None

    def living(self, lease_id: str, now: float) -> VaultLease | None:
        lease = self.leases.get(lease_id)
        if lease is None or now >= lease.expires_at:
            return None
        return lease if self.token_of(Secret(lease.token), now) is not None else None
