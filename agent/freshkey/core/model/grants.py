"""Leases, the secrets that come with them, and the tokens under which they live.

All instants are seconds on the lease clock (CLOCK_BOOTTIME), all durations are seconds.
"""

from __future__ import annotations

from enum import StrEnum

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct


class Grant(Struct, frozen=True):
    """The answer to a mint: the secret and the terms of its lease.

    `lease_id` is empty for a secret that Vault only keeps, as KV does: it has no lease, and
    `duration` is `inf`; and for an access token of OpenAI's. `asked_at` is the instant before the
    request left, so that an expiry counted from it is never later than the other side's.
    """

    lease_id: str
    duration: float
    renewable: bool
    secret: Secret
    asked_at: float
    api_key_id: str | None = None
    service_account: str | None = None
    request_id: str | None = None


class TokenKind(StrEnum):
    """Vault's two kinds of token; a batch token can be neither renewed nor revoked."""

    SERVICE = "service"
    BATCH = "batch"


class Login(Struct, frozen=True):
    """Vault's answer to a login, or to a lookup of a token that was given to the agent.

    `duration` is None for a token that never expires (a root token). `owned` says that the agent
    logged in for the token and therefore revokes it in the end. `term` is what a renewal asks for,
    the `duration` when it is None: of a token that was given, only a part may be left.
    """

    token: Secret
    accessor: str
    kind: TokenKind
    duration: float | None
    renewable: bool
    owned: bool
    asked_at: float
    request_id: str | None = None
    term: float | None = None


class Renewal(Struct, frozen=True):
    """Vault's answer to a renewal, or to a lookup: the seconds that are left from `asked_at` on."""

    duration: float
    renewable: bool
    asked_at: float
    request_id: str | None = None


class Unwrapped(Struct, frozen=True):
    """A secret-id taken out of its wrapping, which can be done only once.

    `wrapping` is the fingerprint of the wrapping token that is spent.
    """

    wrapping: str
    secret_id: Secret
