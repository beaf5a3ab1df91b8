"""One key: which part of the machine an event concerns, and what is due."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, assert_never

from freshkey.core.keys import (
    exchanging,
    monitoring,
    publishing,
    refreshing,
    renewal,
    replacement,
    revocation,
    verification,
)
from freshkey.core.keys.revocation import end_overlaps
from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LookUp,
    Publish,
    Refresh,
    Renew,
    Revoke,
    Test,
    Withdraw,
)
from freshkey.core.model.events import (
    Exchanged,
    Issued,
    KeyAnswer,
    LookedUp,
    Published,
    Refreshed,
    Renewed,
    Reported,
    Revoked,
    RotateRequested,
    Tested,
    Withdrawn,
)
from freshkey.core.model.state import BackingOff, Exchanging, Minting, Reason, Testing, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import KeyStatus, KeyView

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault
    from freshkey.core.model.state import KeyState, Lease, Link
    from freshkey.core.model.token import Tokens
    from freshkey.core.pacing.context import StepContext

KeyOrder = Issue | Refresh | Exchange | Renew | LookUp | Revoke | Test | Publish | Withdraw


def absorb(key: KeyState, event: KeyAnswer, context: StepContext) -> KeyState:
    """Take note of an answer to one of this key's orders."""
    match event:
        case Issued() | Refreshed() | Exchanged():
            return _on_granted(replace(key, call=None), event, context)
        case Renewed(order=order):
            key = replace(key, call=None)
            if key.current is None or key.current.lease.id != order.lease_id:
                return key
            return renewal.on_renewed(key, key.current, event, context)
        case LookedUp():
            return _on_looked_up(replace(key, call=None), event, context)
        case Revoked(order=order, correlation_id=known_as):
            key = replace(key, call=None)
            return revocation.on_gone(key, order.lease_id, "lease.revoked", context, known_as)
        case Tested():
            return _on_tested(replace(key, probing=None), event, context)
        case Published():
            return publishing.on_published(key, event, context)
        case Withdrawn(faults=faults):
            return publishing.on_withdrawn(key, faults, context)
        case _:
            assert_never(event)


def absorb_failure(key: KeyState, order: KeyOrder, fault: Fault, context: StepContext) -> KeyState:
    """Take note of an order that failed."""
    match order:
        case Issue() | Refresh() | Exchange():
            key = replacement.on_failed(key, order, fault, context)
            return refreshing.on_missing(key, context) if refreshing.is_missing(key) else key
        case Renew(lease_id=lease_id):
            key = replace(key, call=None)
            if key.current is None or key.current.lease.id != lease_id:
                return key
            return renewal.on_renew_failed(key, key.current, fault, context)
        case LookUp(lease_id=lease_id):
            key = replace(key, call=None)
            if revocation.is_doubtful(key, lease_id):
                return revocation.on_failed(key, lease_id, fault, context)
            return renewal.on_check_failed(key, lease_id, fault, context)
        case Revoke(lease_id=lease_id):
            return revocation.on_failed(replace(key, call=None), lease_id, fault, context)
        case Test():
            unknown = Finding(Verdict.UNKNOWN, fault.message)
            return absorb(key, Tested(order, unknown), context)
        case Publish():
            return absorb(key, Published(order, (fault,)), context)
        case Withdraw():
            return absorb(key, Withdrawn(order, (fault,)), context)
        case _:
            assert_never(order)


def request(key: KeyState, event: RotateRequested | Reported, context: StepContext) -> KeyState:
    """Take note of what a person or a reader asks for."""
    if isinstance(event, Reported):
        return monitoring.on_reported(key, event, context)
    if event.now:
        if key.current is not None and key.current.lease.static:
            key = replace(key, barred=key.current.secret.fingerprint)
        key = publishing.withdraw(key, "requested", context)
    elif event.compromised and key.current is not None:
        key = replace(key, compromised=True)
    if isinstance(key.cycle, BackingOff | Wanted):
        return end_overlaps(replace(key, cycle=Wanted(Reason.REQUESTED)), context)
    if isinstance(
        key.cycle, Minting | Exchanging | Testing
    ):  # it serves, and may not end with its first reason
        return replace(key, cycle=replace(key.cycle, reason=Reason.REQUESTED))
    return replacement.want(key, Reason.REQUESTED, context)


def settle(key: KeyState, context: StepContext) -> KeyState:
    """Do what is due without regard to the mint budget; revocations come before mints."""
    key = replacement.plan(key, context)
    key = refreshing.plan(key, context)
    key = exchanging.plan(key, context)
    key = verification.plan(key, context)
    key = monitoring.plan(key, context)
    key = publishing.plan(key, context)
    return revocation.plan(key, context)


def view(key: KeyState, tokens: Tokens, link: Link) -> KeyView:
    """Return what readers see of a key; where there is none, the fault says what keeps it away."""
    shown = publishing.publication(key, tokens)
    trouble = key.trouble
    if shown is None:
        status = KeyStatus.WITHDRAWN if key.withdrawn else KeyStatus.STARTING
        trouble = trouble or tokens.trouble
        return KeyView(key.name, status, None, trouble.fault if trouble else link.fault)
    status = KeyStatus.STALE if key.watch.stale else KeyStatus.FRESH
    return KeyView(key.name, status, shown, trouble.fault if trouble else None)


def leases(key: KeyState) -> int:
    """Count the leases of a key that have not ended, as far as is known."""
    return sum(lease.gone_at == inf and not lease.static for lease in _held(key))


def live_leases(key: KeyState) -> tuple[str, ...]:
    """Return the ids of the leases of a key that Vault has not ended, as far as is known."""
    return tuple(lease.id for lease in _held(key) if lease.gone_at == inf and lease.is_of_vault)


def _held(key: KeyState) -> list[Lease]:
    held = [entry.lease for entry in key.retired]
    if key.current is not None:
        held.append(key.current.lease)
    if isinstance(key.cycle, Testing):
        held.append(key.cycle.candidate.lease)
    return held


def _on_granted(
    key: KeyState, event: Issued | Refreshed | Exchanged, context: StepContext
) -> KeyState:
    if isinstance(event, Exchanged):
        return exchanging.on_exchanged(key, event.grant, context)
    if not event.grant.lease_id:
        return refreshing.on_read(key, event.grant, context)
    return replacement.on_issued(key, event, context)


def _on_looked_up(key: KeyState, event: LookedUp, context: StepContext) -> KeyState:
    lease_id, remaining = event.order.lease_id, event.remaining
    if revocation.is_retired(key, lease_id):
        if remaining is None:
            return revocation.on_gone(key, lease_id, "lease.gone", context)
        return revocation.on_alive(key, lease_id)
    if key.current is None or key.current.lease.id != lease_id:
        return key
    if remaining is None:
        return renewal.on_gone(key, key.current, context)
    return renewal.on_alive(key, key.current, remaining, context)


def _on_tested(key: KeyState, event: Tested, context: StepContext) -> KeyState:
    lease_id = event.order.lease_id
    if isinstance(key.cycle, Testing) and key.cycle.candidate.lease.id == lease_id:
        return verification.on_tested(key, key.cycle, event, context)
    if key.current is not None and key.current.lease.id == lease_id:
        return monitoring.on_tested(key, key.current, event, context)
    return key
