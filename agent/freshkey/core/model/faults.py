"""What can go wrong outside, told apart by what has to be done about it."""

from __future__ import annotations

from enum import StrEnum

from freshkey.core.model.struct import Struct


class FaultKind(StrEnum):
    """The names by which faults appear in logs, status, and metrics."""

    UNREACHABLE = "unreachable"  # no answer, or a proxy's 502, 503, 504; a leader change
    TLS = "tls"
    SEALED = "sealed"
    THROTTLED = "throttled"  # Vault's own 429
    TOKEN_INVALID = "token_invalid"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    UPSTREAM = "upstream"  # OpenAI refused or failed, behind Vault or at an exchange
    MALFORMED = "malformed"  # an answer that is not Vault's
    REFUSED = "refused"  # OpenAI's 401 to a key
    OUTPUT = "output"  # a file or a hook


class Operation(StrEnum):
    """What was being done, as faults, status, and metrics name it."""

    LOG_IN = "log_in"
    LOOK_UP_WRAPPING = "look_up_wrapping"
    UNWRAP = "unwrap"
    LOOK_UP_CAPABILITIES = "look_up_capabilities"
    LOOK_UP_TOKEN = "look_up_token"
    RENEW_TOKEN = "renew_token"
    REVOKE_TOKEN = "revoke_token"
    MINT = "mint"
    REFRESH = "refresh"
    EXCHANGE = "exchange"
    READ_IDENTITY = "read_identity"
    RENEW_LEASE = "renew_lease"
    LOOK_UP_LEASE = "look_up_lease"
    REVOKE_LEASE = "revoke_lease"
    PING = "ping"
    TEST = "test"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"
    HOOK = "hook"


class Fault(Struct, frozen=True):
    """One failure, made at the edge that saw it.

    `message` is one line for a person, without secrets. `unanswered` is true when Vault may have
    acted on the request although no answer came. `retry_after` is in seconds, where the other
    side named it. `upstream_status` is OpenAI's HTTP status inside Vault's error, if any.
    """

    kind: FaultKind
    message: str
    unanswered: bool = False
    retry_after: float | None = None
    upstream_status: int | None = None
    orphan: tuple[str, float] | None = None


class Trouble(Struct, frozen=True):
    """A fault that stands: what failed, and when, on the lease clock. None once it is mended."""

    operation: Operation
    fault: Fault
    at: float


OUTAGES = frozenset({FaultKind.UNREACHABLE, FaultKind.TLS, FaultKind.SEALED})
"""Vault can't be had at all: everything waits until a ping is answered."""

PASSING = OUTAGES | {FaultKind.THROTTLED, FaultKind.TOKEN_INVALID}
"""Faults that say nothing about the request itself: the same one may work the next time."""

UNSPENT = PASSING | {FaultKind.FORBIDDEN, FaultKind.NOT_FOUND, FaultKind.BAD_REQUEST}
"""Vault refused before it asked OpenAI for anything: no mint was spent."""


class FaultError(Exception):
    """Carries a `Fault` from the edge to the place that turns it into an event."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.kind}: {fault.message}")
        self.fault = fault
