"""Renewing the lease of the published key, and asking Vault whether it still lives."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.publishing import write
from freshkey.core.keys.replacement import remaining, want
from freshkey.core.model.actions import Level, LookUp, Renew
from freshkey.core.model.faults import PASSING, Fault, Operation, Trouble
from freshkey.core.model.state import BackingOff, Call, Idle, Reason
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import BASE, delay
from freshkey.core.pacing.timing import FULL_GRANT, LeaseAction, check_time, is_outdated, next_for

if TYPE_CHECKING:
    from freshkey.core.model.events import Renewed
    from freshkey.core.model.grants import Renewal
    from freshkey.core.model.state import Credential, KeyState
    from freshkey.core.pacing.context import StepContext

CLAIM_PAUSE = 600.0  # what a reader alone claims never costs more than one mint in this time
_DRIFT = 2.0  # a lookup's ttl is in whole seconds; less of a difference says nothing


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Order the renewal, or the check, that is due for the published key.

    It is renewed while a replacement is on its way, too, because that may fail for longer than a
    lease. A lease that is compromised or has ended is not renewed.
    """
    token, current = context.tokens.current, key.current
    if key.call is not None or context.link.away or token is None or current is None:
        return key
    lease = current.lease
    if not lease.is_of_vault or lease.gone_at < inf:
        return key
    coming = next_for(lease, context.of(key), context.tokens, context.lead)
    wanted = not (key.compromised or key.watch.stale)
    renewing = wanted and coming.action is LeaseAction.RENEW
    if renewing and context.due(max(coming.at, key.watch.renew_at)):
        context.do(Renew(key.name, lease.id, lease.term, token.number, token.secret))
        return replace(key, call=Call.RENEW)
    check_at = key.watch.check_at
    if coming.action is LeaseAction.REPLACE and check_at < coming.at < check_at + BASE:
        check_at = coming.at  # the mint would have to wait for the answer
    if context.due(check_at):
        context.do(LookUp(key.name, lease.id, token.number, token.secret))
        return replace(key, call=Call.LOOKUP)
    return key


def on_renewed(
    key: KeyState, current: Credential, event: Renewed, context: StepContext
) -> KeyState:
    """The lease goes on. Granted clearly less than asked for, its maximum is near: replace it."""
    renewal = event.renewal
    if is_outdated(renewal, current.lease.expires_at, context.now):
        return key
    full = renewal.duration >= FULL_GRANT * event.order.increment
    lease = replace(
        current.lease,
        started_at=renewal.asked_at,
        expires_at=renewal.asked_at + renewal.duration,
        renewable=renewal.renewable and full,
    )
    key = replace(
        key,
        current=replace(current, lease=lease),
        confirmed=True,
        watch=replace(key.watch, renew_at=context.now + BASE, renew_failures=0, stale=False),
    )
    context.audit(
        "key.renewed",
        key.name,
        lease,
        duration=renewal.duration,
        expires_at=lease.expires_at,
        request_id=renewal.request_id,
    )
    key = clear_trouble(key)
    return key if full else want(key, Reason.DUE, context)


def on_renew_failed(
    key: KeyState, current: Credential, fault: Fault, context: StepContext
) -> KeyState:
    """Try again while Vault is away; replace the lease when Vault will not renew it."""
    failures = key.watch.renew_failures + 1
    draw = context.chance.draw(key.name, "renew")
    wait = delay(fault, failures, draw, remaining(key, context))
    watch = replace(key.watch, renew_failures=failures, renew_at=context.now + wait)
    key = replace(key, watch=watch)
    if not isinstance(key.cycle, BackingOff):  # what keeps its successor away is told first
        key = replace(key, trouble=Trouble(Operation.RENEW_LEASE, fault, context.now))
    context.tell(
        "key.renewal_failed",
        Level.WARNING,
        key=key.name,
        lease_id=current.lease.id,
        fault=fault.kind.value,
        message=fault.message,
    )
    return key if fault.kind in PASSING else want(key, Reason.DUE, context)


def on_alive(key: KeyState, current: Credential, answer: Renewal, context: StepContext) -> KeyState:
    """Vault knows the lease; its word on the expiry counts where it differs from ours."""
    if is_outdated(answer, current.lease.expires_at, context.now):
        return key
    lease = current.lease
    expires_at = answer.asked_at + answer.duration
    moved = abs(expires_at - lease.expires_at) > _DRIFT
    if moved:
        lease = replace(lease, expires_at=expires_at)
    draw = context.chance.draw(key.name, "check")
    check_at = check_time(context.now, context.of(key).check_every, draw)
    watch = replace(key.watch, check_at=check_at, check_failures=0)
    key = replace(key, current=replace(current, lease=lease), confirmed=True, watch=watch)
    if moved:
        context.tell(
            "lease.corrected",
            key=key.name,
            lease_id=lease.id,
            expires_in=round(expires_at - context.now),
        )
    # Files that somebody removed or changed come back; those that are as they should be stay.
    return write(act_on_report(clear_trouble(key), context), context)


def on_gone(key: KeyState, current: Credential, context: StepContext) -> KeyState:
    """Vault no longer knows the lease: the key is dead, or about to be."""
    lease = replace(current.lease, gone_at=context.now)
    context.audit("lease.gone", key.name, lease, Level.WARNING)
    watch = replace(key.watch, check_at=inf, claimed=False)
    key = replace(key, current=replace(current, lease=lease), watch=watch)
    return want(key, Reason.REVOKED, context)


def on_check_failed(key: KeyState, lease_id: str, fault: Fault, context: StepContext) -> KeyState:
    """A check that failed says nothing about the lease: ask again after the backoff."""
    if key.current is None or key.current.lease.id != lease_id:
        return key
    failures = key.watch.check_failures + 1
    if failures == 1:
        context.tell(
            "lease.check_failed",
            Level.WARNING,
            key=key.name,
            fault=fault.kind.value,
            message=fault.message,
        )
    wait = delay(fault, failures, context.chance.draw(key.name, "check"), remaining(key, context))
    watch = replace(key.watch, check_failures=failures, check_at=context.now + wait)
    trouble = Trouble(Operation.LOOK_UP_LEASE, fault, context.now)
    return replace(key, watch=watch, trouble=trouble)


def clear_trouble(key: KeyState) -> KeyState:
    """Clear a fault, because Vault did what was asked of it; one that is not mended stays."""
    operation = key.trouble.operation if key.trouble else None
    stays = operation is Operation.REVOKE_LEASE or (
        operation is Operation.RENEW_LEASE and key.watch.renew_failures > 0
    )
    mended = isinstance(key.cycle, Idle) and not key.write_failures and not stays
    return replace(key, trouble=None) if mended else key


def act_on_report(key: KeyState, context: StepContext) -> KeyState:
    """A reader reported a 401, OpenAI could not tell, and the lease lives: one mint in 10 min."""
    if not key.watch.claimed:
        return key
    watch = replace(key.watch, claimed=False)
    if context.now < watch.claim_minted_at + CLAIM_PAUSE:
        return replace(key, watch=watch)
    key = replace(key, watch=replace(watch, claim_minted_at=context.now))
    return want(key, Reason.REPORTED, context)
