"""What the answers to token requests change."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, assert_never

from freshkey.core.model.actions import (
    Level,
    LogIn,
    LookUpToken,
    RenewToken,
    RevokeToken,
    TokenOrder,
)
from freshkey.core.model.events import (
    CredentialChanged,
    CredentialUnwrapped,
    LoggedIn,
    TokenEvent,
    TokenLookedUp,
    TokenRenewed,
    TokenRevoked,
)
from freshkey.core.model.faults import PASSING, Fault, FaultKind, Operation, Trouble
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token, Tokens
from freshkey.core.pacing.backoff import BASE, CAP, delay
from freshkey.core.pacing.timing import FULL_GRANT, find, is_outdated

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login, Renewal
    from freshkey.core.pacing.context import StepContext

_FAILED = {
    LogIn: ("token.login_failed", Operation.LOG_IN),
    RenewToken: ("token.renewal_failed", Operation.RENEW_TOKEN),
    LookUpToken: ("token.lookup_failed", Operation.LOOK_UP_TOKEN),
    RevokeToken: ("token.revocation_failed", Operation.REVOKE_TOKEN),
}
_UNTRIED = PASSING - {FaultKind.TOKEN_INVALID}  # the credential may be a good one


def absorb(tokens: Tokens, event: TokenEvent, context: StepContext) -> Tokens:
    """Take note of an answer to a token request."""
    match event:
        case CredentialChanged():
            return replace(tokens, changed=True, retry_at=min(tokens.retry_at, context.now + BASE))
        case CredentialUnwrapped(unwrapped=unwrapped):
            return replace(tokens, unwrapped=unwrapped)
        case LoggedIn(login=login):
            return _on_logged_in(tokens, login, context)
        case TokenRenewed(renewal=renewal):
            return _on_renewed(tokens, renewal, context)
        case TokenLookedUp(login=login):
            return _on_looked_up(tokens, login, context)
        case TokenRevoked(order=order):
            return _on_revoked(tokens, order.token_number, context)
        case _:
            assert_never(event)


def _on_logged_in(tokens: Tokens, login: Login, context: StepContext) -> Tokens:
    """A new token is in use; the one before stays until nothing lives under it."""
    tokens = replace(tokens, call=None, trouble=None, failures=0, recheck=False)
    current = tokens.current
    if current is not None and current.secret == login.token:
        return _on_same_token(tokens, current, login, context)
    number = tokens.count + 1
    token = _token(number, login, context)
    retired = tokens.retired if current is None else (*tokens.retired, current)
    context.tell(
        "token.logged_in",
        accessor=login.accessor,
        kind=login.kind.value,
        expires_in=None if login.duration is None else round(login.duration),
        renewable=login.renewable,
        request_id=login.request_id,
    )
    return replace(
        tokens,
        current=token,
        retired=retired,
        count=number,
        clipped=False,
        retry_at=context.now + BASE,  # even a token of no length can't make the agent spin
    )


def _on_renewed(tokens: Tokens, renewal: Renewal, context: StepContext) -> Tokens:
    """The token goes on. Granted clearly less than asked for, its maximum is near."""
    tokens = replace(tokens, call=None, trouble=None, failures=0)
    current = tokens.current
    if current is None or is_outdated(renewal, current.expires_at, context.now):
        return tokens
    full = renewal.duration >= FULL_GRANT * current.term
    pause = BASE if full else 0.0  # a token near its maximum may have no second to lose
    renewed = replace(
        current,
        started_at=renewal.asked_at,
        expires_at=renewal.asked_at + renewal.duration,
        renewable=renewal.renewable,
    )
    context.tell(
        "token.renewed",
        accessor=current.accessor,
        duration=renewal.duration,
        request_id=renewal.request_id,
    )
    return replace(
        tokens, current=renewed, clipped=not full, refused=False, retry_at=context.now + pause
    )


def _on_looked_up(tokens: Tokens, login: Login, context: StepContext) -> Tokens:
    """Vault's word on the token's terms counts."""
    tokens = replace(tokens, call=None, trouble=None, failures=0)
    current = tokens.current
    if current is None:
        return replace(tokens, recheck=False)
    recheck = is_outdated(login, current.expires_at, context.now)
    return replace(tokens, recheck=recheck, current=_with_terms(current, login, context))


def _on_revoked(tokens: Tokens, number: int, context: StepContext) -> Tokens:
    """A token is gone, and every lease under it."""
    token = find(tokens, number)
    if token is not None:
        context.tell("token.revoked", accessor=token.accessor)
    left = tuple(entry for entry in tokens.retired if entry.number != number)
    current = tokens.current
    if current is not None and current.number == number:
        current = None
    return replace(tokens, call=None, retired=left, current=current, revoke_failures=0)


def on_failed(
    tokens: Tokens, order: TokenOrder, fault: Fault, remaining: float, context: StepContext
) -> Tokens:
    """A token request failed; the key that needs one first is good for `remaining` seconds."""
    tokens = replace(tokens, call=None)
    if isinstance(order, RevokeToken):
        return _on_revocation_failed(tokens, order, fault, context)
    failures = tokens.failures + 1
    draw = context.chance.draw("token", "backoff")
    lasting = fault.kind not in PASSING
    refused = lasting and isinstance(order, RenewToken)  # then a login takes its place, at once
    wait = 0.0 if refused else delay(fault, failures, draw, remaining)
    if not (refused and tokens.refused):  # once is enough: it will be so for every token
        _tell_failed(order, fault, wait, context)
    if lasting and isinstance(order, LookUpToken):
        return replace(tokens, recheck=False)  # its terms as they were known have to do
    return replace(
        tokens,
        changed=tokens.changed or (isinstance(order, LogIn) and fault.kind in _UNTRIED),
        failures=failures,
        retry_at=context.now + wait,
        trouble=Trouble(_FAILED[type(order)][1], fault, context.now),
        clipped=tokens.clipped or refused,
        refused=tokens.refused or refused,
    )


def _on_revocation_failed(
    tokens: Tokens, order: RevokeToken, fault: Fault, context: StepContext
) -> Tokens:
    if fault.kind is FaultKind.TOKEN_INVALID:
        return _on_revoked(tokens, order.token_number, context)
    failures = tokens.revoke_failures + 1
    wait = delay(fault, failures, context.chance.draw("token", "revoke"), remaining=0.0)
    _tell_failed(order, fault, wait, context)
    return replace(tokens, revoke_at=context.now + wait, revoke_failures=failures)


def _tell_failed(order: TokenOrder, fault: Fault, wait: float, context: StepContext) -> None:
    context.tell(
        _FAILED[type(order)][0],
        Level.WARNING,
        fault=fault.kind.value,
        message=fault.message,
        retry_in=round(wait, 1),
    )


def _on_same_token(tokens: Tokens, current: Token, login: Login, context: StepContext) -> Tokens:
    """A token that was given to the agent, read once more: there is no other one yet.

    When it may not be renewed, that is tried again: somebody may have mended its policy.
    """
    current = replace(_with_terms(current, login, context), abandoned=False)
    clipped = tokens.clipped and not tokens.refused
    return replace(tokens, current=current, clipped=clipped, retry_at=context.now + CAP)


def _token(number: int, login: Login, context: StepContext) -> Token:
    duration = inf if login.duration is None else login.duration
    return Token(
        number=number,
        secret=login.token,
        accessor=login.accessor,
        kind=login.kind,
        renewable=login.renewable,
        term=duration if login.term is None else login.term,
        started_at=login.asked_at,
        taken_at=context.now,
        expires_at=login.asked_at + duration,
        owned=login.owned,
        draw=context.chance.draw("token", "point"),
    )


def _with_terms(token: Token, login: Login, context: StepContext) -> Token:
    if is_outdated(login, token.expires_at, context.now):
        return token
    new = _token(token.number, login, context)
    return replace(
        token, expires_at=new.expires_at, started_at=new.started_at, renewable=new.renewable
    )
