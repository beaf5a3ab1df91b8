"""Make before break: a new key is minted, tested, and published before the old one goes."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.publishing import publish
from freshkey.core.keys.revocation import end_overlaps, retire
from freshkey.core.model.actions import Exchange, Issue, Level, Refresh
from freshkey.core.model.faults import Fault, FaultKind, Trouble
from freshkey.core.model.policy import Subject, VerifyMode
from freshkey.core.model.state import (
    BackingOff,
    Call,
    Credential,
    Exchanging,
    Idle,
    Lease,
    Minting,
    Names,
    Refreshing,
    Testing,
    Wanted,
)
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import delay
from freshkey.core.pacing.timing import LeaseAction, find, good_until, next_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.events import Issued, Refreshed
    from freshkey.core.model.grants import Grant
    from freshkey.core.model.state import KeyState, Reason
    from freshkey.core.model.token import Token
    from freshkey.core.pacing.context import StepContext


_REVOKED_WITHIN = 15.0  # seconds: Vault has answered by then, if it does, to the key's revocation


def remaining(key: KeyState, context: StepContext) -> float:
    """Return for how many seconds the published key is still good, 0 when it is refused."""
    if key.current is None or key.watch.refusals:
        return 0.0
    return good_until(key.current.lease, context.tokens) - context.now


def least_remaining(keys: Iterable[KeyState], context: StepContext) -> float:
    """Return the seconds that are left of the good key that ends first and needs Vault, or 0."""
    needing = (key for key in keys if context.of(key).subject is not Subject.FILE)
    left = (remaining(key, context) for key in needing)
    return min((seconds for seconds in left if seconds > 0), default=0.0)


def want(key: KeyState, reason: Reason, context: StepContext) -> KeyState:
    """Ask for a replacement. One that is under way serves; one that backs off keeps its wait."""
    if not isinstance(key.cycle, Idle):
        return key
    context.tell("key.replacement_wanted", key=key.name, reason=reason.value)
    return end_overlaps(replace(key, cycle=Wanted(reason)), context)


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Do what the replacement's own deadlines ask for."""
    match key.cycle:
        case Idle() if key.current is not None:
            coming = next_for(key.current.lease, context.of(key), context.tokens, context.lead)
            if coming.action is LeaseAction.RENEW or not context.due(coming.at):
                return key
            if coming.action is LeaseAction.REPLACE:
                return want(key, coming.reason, context)
            return replace(key, cycle=Wanted(coming.reason))
        case BackingOff() as waiting:
            if _went_with_token(waiting, context) or context.due(_retry_at(key, waiting, context)):
                return end_overlaps(replace(key, cycle=Wanted(waiting.reason)), context)
            return key
        case _:
            return key


def mint(
    key: KeyState, wanted: Wanted, token: Token, context: StepContext, *, in_budget: bool
) -> KeyState:
    """Order the mint; the state that says so is in the journal before the order leaves."""
    reason = wanted.reason
    if not in_budget:
        if not wanted.over_budget:
            context.tell("mint.over_budget", Level.WARNING, key=key.name, reason=reason.value)
        return replace(key, cycle=Wanted(reason, over_budget=True))
    context.audit("key.mint_intended", key.name, reason=reason.value)
    context.do(Issue(key.name, token.number, token.secret))
    return replace(key, cycle=Minting(reason, token.number, context.now), call=Call.MINT)


def on_issued(key: KeyState, event: Issued | Refreshed, context: StepContext) -> KeyState:
    """Vault minted: the new key is tried."""
    grant, token = event.grant, event.order.token_number
    given = granted(key, grant, grant.lease_id, token, context)
    context.audit(
        "key.minted",
        key.name,
        given.lease,
        duration=grant.duration,
        expires_at=given.lease.expires_at,
        request_id=grant.request_id,
    )
    if not isinstance(key.cycle, Minting | Refreshing):
        return retire(key, given.lease, context.now)
    return try_out(key, given, key.cycle.reason, context)


def granted(
    key: KeyState, grant: Grant, lease_id: str, token: int, context: StepContext
) -> Credential:
    """Return a new key with its lease, under the token of this number."""
    lease = Lease(
        id=lease_id,
        token=token,
        term=grant.duration,
        renewable=grant.renewable,
        started_at=grant.asked_at,
        expires_at=grant.asked_at + grant.duration,
        draw=context.chance.draw(key.name, "point"),
        lag=context.now - grant.asked_at,
        names=Names(
            tag=f"{key.generation + 1}-{grant.secret.fingerprint}",
            api_key_id=grant.api_key_id,
            service_account=grant.service_account,
        ),
    )
    return Credential(lease, grant.secret)


def try_out(
    key: KeyState, credential: Credential, reason: Reason, context: StepContext
) -> KeyState:
    """Have a new key tested, or published at once where nothing is tested."""
    if context.of(key).verify is VerifyMode.OFF and context.stopping is None:
        return publish(key, credential, reason, context)
    testing = Testing(reason, credential, since=context.now, retry_at=context.now)
    return replace(key, cycle=testing)


def on_failed(
    key: KeyState, order: Issue | Refresh | Exchange, fault: Fault, context: StepContext
) -> KeyState:
    """No new key: wait, or queue for the next token if only the token was at fault."""
    key = replace(key, call=None)
    cycle = key.cycle
    if not isinstance(cycle, Minting | Refreshing | Exchanging):
        return key
    if fault.orphan is not None:
        key = _retire_orphan(key, order.token_number, fault.orphan, context)
    if fault.unanswered and isinstance(order, Issue):
        context.audit("mint.abandoned", key.name, level=Level.WARNING, message=fault.message)
    trouble = Trouble(order.operation, fault, context.now)
    if fault.kind is FaultKind.TOKEN_INVALID:
        return replace(key, cycle=Wanted(cycle.reason), trouble=trouble)
    return back_off(key, cycle.reason, trouble, context)


def back_off(
    key: KeyState, reason: Reason, trouble: Trouble, context: StepContext, *, at_most: float = inf
) -> KeyState:
    """Note a failed replacement, and when the next one is tried."""
    fault = trouble.fault
    failures = key.failures + 1
    draw = context.chance.draw(key.name, "backoff")
    wait = min(delay(fault, failures, draw, remaining(key, context)), at_most)
    context.audit(
        "key.replacement_failed",
        key.name,
        level=Level.WARNING,
        reason=reason.value,
        operation=trouble.operation.value,
        fault=fault.kind.value,
        message=fault.message,
        retry_in=round(wait, 1),
    )
    cycle = BackingOff(reason, since=context.now, until=context.now + wait, fault=fault)
    context.due(cycle.until)  # when this is decided by a deadline, nothing else asks to be woken
    return replace(key, cycle=cycle, failures=failures, trouble=trouble)


def _went_with_token(waiting: BackingOff, context: StepContext) -> bool:
    """Whether Vault calls the token of a refused key invalid, soon after the refusal.

    That key had gone with its token, then, which says nothing of the next one. A token that is lost
    later explains no refusal.
    """
    token = find(context.tokens, waiting.refused_under)
    return token is not None and token.lost_at <= waiting.since + _REVOKED_WITHIN


def _retry_at(key: KeyState, waiting: BackingOff, context: StepContext) -> float:
    """A key that was good when its replacement failed may wait long; once it is not, it may not."""
    if remaining(key, context) > 0:
        return waiting.until
    longest = delay(waiting.fault, key.failures, draw=1.0, remaining=0.0)
    return min(waiting.until, waiting.since + longest)


def _retire_orphan(
    key: KeyState, token_number: int, orphan: tuple[str, float], context: StepContext
) -> KeyState:
    lease_id, duration = orphan
    lease = Lease(
        id=lease_id,
        token=token_number,
        term=duration,
        renewable=False,
        started_at=context.now,
        expires_at=context.now + duration,
        draw=0.0,
    )
    return retire(key, lease, context.now)
