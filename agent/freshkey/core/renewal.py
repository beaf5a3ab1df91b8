"""Renewing the lease of the published key, and asking Vault whether it still lives."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from freshkey.core.actions import Level, LookUp, Renew
from freshkey.core.backoff import BASE, delay
from freshkey.core.faults import PASSING, Fault, Operation, Trouble
from freshkey.core.publishing import write
from freshkey.core.replacement import remaining, want
from freshkey.core.state import BackingOff, Call, Idle, Reason
from freshkey.core.timing import FULL_GRANT, Course, next_for

if TYPE_CHECKING:
    from freshkey.core.events import Renewed
    from freshkey.core.lease import Renewal
    from freshkey.core.state import Credential, KeyState
    from freshkey.core.turn import Turn

CLAIM_PAUSE = 600.0  # what a reader alone claims never costs more than one mint in this time
_DRIFT = 2.0  # a lookup's ttl is in whole seconds; less of a difference says nothing


def plan(key: KeyState, turn: Turn) -> KeyState:
    """Order the renewal, or the check, that is due for the published key.

    It is renewed while a replacement is on its way, too: that may fail for longer than a lease. Not
    so a compromised one, nor one that has ended.
    """
    token, current = turn.tokens.current, key.current
    if key.call is not None or turn.link.away or token is None or current is None:
        return key
    lease = current.lease
    if lease.static or lease.gone_at < inf:
        return key
    coming = next_for(lease, turn.of(key), turn.tokens, turn.lead)
    wanted = not (key.compromised or key.watch.stale)
    renewing = wanted and coming.course is Course.RENEW
    if renewing and turn.due(max(coming.at, key.watch.renew_at)):
        turn.do(Renew(key.name, lease.id, lease.term, token.number, token.secret))
        return replace(key, call=Call.RENEW)
    if turn.due(key.watch.check_at):
        turn.do(LookUp(key.name, lease.id, token.number, token.secret))
        return replace(key, call=Call.LOOKUP)
    return key


def on_renewed(key: KeyState, current: Credential, event: Renewed, turn: Turn) -> KeyState:
    """The lease goes on. Granted clearly less than asked for, its maximum is near: replace it."""
    renewal = event.renewal
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
        watch=replace(key.watch, renew_at=turn.now + BASE, renew_failures=0, stale=False),
    )
    turn.audit(
        "key.renewed",
        key.name,
        lease,
        duration=renewal.duration,
        expires_at=lease.expires_at,
        request_id=renewal.request_id,
    )
    key = mended(key)
    return key if full else want(key, Reason.DUE, turn)


def on_renew_failed(key: KeyState, current: Credential, fault: Fault, turn: Turn) -> KeyState:
    """Try again while Vault is away; replace the lease when Vault will not renew it."""
    failures = key.watch.renew_failures + 1
    draw = turn.chance.draw(key.name, "renew")
    wait = delay(fault, failures, draw, remaining(key, turn))
    watch = replace(key.watch, renew_failures=failures, renew_at=turn.now + wait)
    key = replace(key, watch=watch)
    if not isinstance(key.cycle, BackingOff):  # what keeps its successor away is told first
        key = replace(key, trouble=Trouble(Operation.RENEW_LEASE, fault, turn.now))
    turn.tell(
        "key.renewal_failed",
        Level.WARNING,
        key=key.name,
        lease_id=current.lease.id,
        fault=fault.kind.value,
        message=fault.message,
    )
    return key if fault.kind in PASSING else want(key, Reason.DUE, turn)


def next_check(key: KeyState, turn: Turn) -> float:
    """Draw the instant of the next lookup: `check_every`, give or take a fifth."""
    every = turn.of(key).check_every
    return turn.now + every * (0.8 + 0.4 * turn.chance.draw(key.name, "check")) if every else inf


def on_alive(key: KeyState, current: Credential, answer: Renewal, turn: Turn) -> KeyState:
    """Vault knows the lease; its word on the expiry counts where it differs from ours."""
    lease = current.lease
    expires_at = answer.asked_at + answer.duration
    moved = abs(expires_at - lease.expires_at) > _DRIFT
    if moved:
        lease = replace(lease, expires_at=expires_at)
    watch = replace(key.watch, check_at=next_check(key, turn), check_failures=0)
    key = replace(key, current=replace(current, lease=lease), confirmed=True, watch=watch)
    if moved:
        turn.tell(
            "lease.corrected",
            key=key.name,
            lease_id=lease.id,
            expires_in=round(expires_at - turn.now),
        )
    # Files that somebody removed or changed come back; those that are as they should be stay.
    return write(_settle_claim(mended(key), turn), turn)


def on_gone(key: KeyState, current: Credential, turn: Turn) -> KeyState:
    """Vault no longer knows the lease: the key is dead, or about to be."""
    lease = replace(current.lease, gone_at=turn.now)
    turn.tell(
        "lease.gone",
        Level.WARNING,
        key=key.name,
        lease_id=lease.id,
        api_key_id=lease.names.api_key_id,
    )
    watch = replace(key.watch, check_at=inf, claimed=False)
    key = replace(key, current=replace(current, lease=lease), watch=watch)
    return want(key, Reason.REVOKED, turn)


def on_check_failed(key: KeyState, lease_id: str, fault: Fault, turn: Turn) -> KeyState:
    """A check that failed says nothing about the lease: ask again after the backoff."""
    if key.current is None or key.current.lease.id != lease_id:
        return key
    failures = key.watch.check_failures + 1
    if failures == 1:
        turn.tell(
            "lease.check_failed",
            Level.WARNING,
            key=key.name,
            fault=fault.kind.value,
            message=fault.message,
        )
    wait = delay(fault, failures, turn.chance.draw(key.name, "check"), remaining(key, turn))
    watch = replace(key.watch, check_failures=failures, check_at=turn.now + wait)
    trouble = Trouble(Operation.LOOK_UP_LEASE, fault, turn.now)
    return replace(key, watch=watch, trouble=trouble)


def mended(key: KeyState) -> KeyState:
    """Vault did what was asked of it: a fault that something else left behind stays."""
    lasting = key.trouble is not None and key.trouble.operation is Operation.REVOKE_LEASE
    mended = isinstance(key.cycle, Idle) and not key.write_failures and not lasting
    return replace(key, trouble=None) if mended else key


def _settle_claim(key: KeyState, turn: Turn) -> KeyState:
    """A reader reported a 401, OpenAI could not tell, and the lease lives: one mint in 10 min."""
    if not key.watch.claimed:
        return key
    watch = replace(key.watch, claimed=False)
    if turn.now < watch.claim_minted_at + CLAIM_PAUSE:
        return replace(key, watch=watch)
    key = replace(key, watch=replace(watch, claim_minted_at=turn.now))
    return want(key, Reason.REPORTED, turn)
