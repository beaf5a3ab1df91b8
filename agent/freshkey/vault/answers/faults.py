"""Vault's refusals, told apart by what has to be done about them. Pure.

Sources: https://developer.hashicorp.com/vault/api-docs#http-status-codes, and what Vault 1.21 was
seen to answer.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote as quote_url

from freshkey.core.model.faults import Fault, FaultError, FaultKind, Operation
from freshkey.core.model.struct import Struct
from freshkey.vault.answers import kv
from freshkey.vault.answers.quoting import flat, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_RETRY_AFTER: Final = 3600.0

# For these Vault asks others, whose failures it may answer with a 500.
_ASK_OTHERS: Final = frozenset({Operation.MINT, Operation.LOG_IN})

_NOT_REPLICATED: Final = 412
_GATEWAY: Final = frozenset({502, 504})  # a proxy's: the request may have gone on to Vault
_UPSTREAM: Final = r"API error \((\d{3})\)"
_UPSTREAM_TRANSPORT: Final = r'\b(?:Get|Post|Put|Patch|Delete) \\?"https?://'
_LEADER_CHANGE: Final = ("local node not active", "no active", "not the active", "active node")
_BROKEN_OFF: Final = ("context canceled", "context deadline exceeded")
_NEVER_RENEWED: Final = ("policies have changed", "client identity during renewal")
_BAD_TOKEN: Final = ("invalid token", "bad token")


# What Vault's own policy `default` allows; a token that is used from another network may nothing.
_OF_THE_TOKEN: Final = frozenset(
    {Operation.LOOK_UP_TOKEN, Operation.RENEW_TOKEN, Operation.REVOKE_TOKEN}
)
_READS: Final = frozenset(
    {Operation.MINT, Operation.REFRESH, Operation.READ_IDENTITY, Operation.LOOK_UP_TOKEN}
)


class Request(Struct, frozen=True):
    """One request: `path` is the API's, without `/v1/`, and as people write it.

    `correlation_id` goes along as a header that Vault's audit log shows by default since 1.17.
    """

    operation: Operation
    path: str
    correlation_id: str | None = None

    @property
    def url(self) -> str:
        """The path as it goes over the wire: spaces and the like percent-encoded."""
        return f"/v1/{quote_url(self.path, errors='replace')}"

    @property
    def capability(self) -> str:
        """The capability that a policy has to give for this, and on what."""
        if self.operation in _READS:
            return f"`read` on {self.path}"
        if self.operation is Operation.REVOKE_LEASE:  # a policy can't name each lease
            return f"`update` on {self.path.rpartition('/')[0]}/*"
        return f"`update` on {self.path}"


class Refusal(Struct, frozen=True):
    """An answer that is no success. `errors` is None when it is not Vault's JSON at all."""

    status: int
    errors: tuple[str, ...] | None
    content_type: str = ""
    retry_after: str = ""


class RefusedError(FaultError):
    """Vault itself refused: `refusal` keeps its words for those who have to tell them apart."""

    def __init__(self, fault: Fault, refusal: Refusal) -> None:
        super().__init__(fault)
        self.refusal = refusal


def fault_of(request: Request, refusal: Refusal) -> Fault:
    """Name the fault behind an answer; `unanswered` when it does not settle what Vault did."""
    if refusal.errors is None:
        return _not_from_vault(request, refusal)
    # What to do is told by the whole of them: a mask or a cut may hide the words that say it.
    text = flat(refusal.errors)
    reason = quote(refusal.errors) or "no reason given"
    match refusal.status:
        case HTTPStatus.FORBIDDEN:
            return _forbidden(request, text, reason)
        case HTTPStatus.NOT_FOUND:
            nothing = f"Vault finds nothing at {request.path}: {reason}"
            return Fault(FaultKind.NOT_FOUND, kv.wrong_path(request.path, text) or nothing)
        case status if status == _NOT_REPLICATED:
            return Fault(FaultKind.UNREACHABLE, f"this node of Vault is behind: {reason}")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _throttled(refusal, reason)
        case HTTPStatus.SERVICE_UNAVAILABLE if "sealed" in text.lower():
            return Fault(FaultKind.SEALED, f"Vault is sealed, and has to be unsealed: {reason}")
        case status if status in _GATEWAY:
            return Fault(
                FaultKind.UNREACHABLE, f"Vault is away ({status}): {reason}", unanswered=True
            )
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Fault(FaultKind.UNREACHABLE, f"Vault is not available: {reason}")
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _failed(request, text, reason)
        case _:
            return _refused(request, text, reason)


def not_vault(what: str, *, unanswered: bool = True) -> Fault:
    """Return the fault of an answer that is not Vault's; `what` describes it, never quotes it."""
    message = f"the address answers, but not as Vault does: {what}; check vault.address"
    return Fault(FaultKind.MALFORMED, message, unanswered=unanswered)


def health_fault(status: int, body: Mapping[str, object] | None) -> Fault | None:
    """Judge `sys/health`, whose status tells a node's role; None: it serves requests or forwards.

    Source: https://developer.hashicorp.com/vault/api-docs/system/health
    """
    if body is not None and body.get("initialized") is False:
        return Fault(FaultKind.SEALED, "Vault is not initialised")
    if body is not None and body.get("sealed") is True:
        return Fault(FaultKind.SEALED, "Vault is sealed, and has to be unsealed")
    if status in _GATEWAY or status in {501, 503}:
        return Fault(FaultKind.UNREACHABLE, f"sys/health answers {status}: Vault is not available")
    return None


def leader_fault(body: Mapping[str, object] | None) -> Fault | None:
    """Judge a standby by `sys/leader`: one that knows of no leader has nobody to forward to.

    Source: https://developer.hashicorp.com/vault/api-docs/system/leader
    """
    if body is not None and body.get("ha_enabled") is True and not body.get("leader_address"):
        message = "Vault has no active node for now: a standby knows of none"
        return Fault(FaultKind.UNREACHABLE, message)
    return None


def _not_from_vault(request: Request, refusal: Refusal) -> Fault:
    status = refusal.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _throttled(refusal, "by something in front of Vault")
    if status in _GATEWAY or status == HTTPStatus.SERVICE_UNAVAILABLE:
        message = f"something in front of Vault answers {status} to {request.path}"
        return Fault(FaultKind.UNREACHABLE, message, unanswered=True)
    content = quote([refusal.content_type])[:80] or "no content type"
    return not_vault(f"status {status}, {content}, to {request.path}")


def _forbidden(request: Request, text: str, reason: str) -> Fault:
    if any(sign in text for sign in _BAD_TOKEN):
        message = (
            f"Vault calls the token invalid: it expired, was revoked, or never existed ({reason})"
        )
        return Fault(FaultKind.TOKEN_INVALID, message)
    if request.operation is Operation.LOG_IN:
        hint = "is the method enabled at that mount and namespace, and may this host log in?"
        return Fault(FaultKind.FORBIDDEN, f"Vault forbids {request.path} ({reason}): {hint}")
    message = f"Vault forbids it ({reason}): the policy has to give {request.capability}"
    if request.operation in {Operation.MINT, Operation.REFRESH}:
        message += ", if that path is right"
    elif request.operation in _OF_THE_TOKEN:
        message += ", unless the token is bound to other networks (token_bound_cidrs of its role)"
    return Fault(FaultKind.FORBIDDEN, message)


def _throttled(refusal: Refusal, text: str) -> Fault:
    try:
        seconds: float | None = float(max(0, min(int(refusal.retry_after), LONGEST_RETRY_AFTER)))
    except ValueError:  # absent, or a date, which Vault never sends
        seconds = None
    message = f"Vault takes no more requests for now: {text}"
    return Fault(FaultKind.THROTTLED, message, retry_after=seconds)


def _upstream(request: Request, text: str, reason: str) -> Fault | None:
    """Find the engine's report of what OpenAI said, or that it said nothing."""
    if request.operation is Operation.LOG_IN:
        return _unchecked(request, text, reason)
    if found := re.search(_UPSTREAM, text):
        status = int(found[1])
        message = f"OpenAI answered {status} to {request.path}: {reason}"
        return Fault(FaultKind.UPSTREAM, message, upstream_status=status)
    if re.search(_UPSTREAM_TRANSPORT, text):
        return Fault(FaultKind.UPSTREAM, f"Vault can't reach OpenAI for {request.path}: {reason}")
    return None


def _unchecked(request: Request, text: str, reason: str) -> Fault | None:
    """Find a login method's report that it could not ask whoever knows the caller."""
    if re.search(_UPSTREAM_TRANSPORT, text):
        message = f"Vault can't reach what tells it who logs in at {request.path}: {reason}"
        return Fault(FaultKind.UPSTREAM, message)
    return None


def _failed(request: Request, text: str, reason: str) -> Fault:
    if fault := _upstream(request, text, reason):
        return fault
    if request.operation is Operation.RENEW_TOKEN and any(s in text for s in _NEVER_RENEWED):
        message = f"Vault will not renew the token, and the agent has to log in again: {reason}"
        return Fault(FaultKind.BAD_REQUEST, message)  # with status 500, though nothing failed
    if any(sign in text for sign in _LEADER_CHANGE):
        return Fault(FaultKind.UNREACHABLE, f"Vault has no active node for now: {reason}")
    if any(sign in text for sign in _BROKEN_OFF):
        message = f"Vault broke off at {request.path}: {reason}"
        return Fault(FaultKind.UNREACHABLE, message, unanswered=True)
    kind = FaultKind.UPSTREAM if request.operation in _ASK_OTHERS else FaultKind.UNREACHABLE
    return Fault(kind, f"Vault failed at {request.path}: {reason}")


def _refused(request: Request, text: str, reason: str) -> Fault:
    if fault := _upstream(request, text, reason):
        return fault
    if "role" in text and "does not exist" in text:
        return Fault(FaultKind.NOT_FOUND, f"Vault finds no such role for {request.path}: {reason}")
    hint = ""
    if request.operation is Operation.LOG_IN:
        hint = ": are the credentials those of this role, and neither used up nor expired?"
    return Fault(FaultKind.BAD_REQUEST, f"Vault refuses {request.path}: {reason}{hint}")
