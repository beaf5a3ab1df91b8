"""Secrets without a lease: a key that Vault only keeps, as KV does, is read again every `refresh`.

A read costs OpenAI nothing, so it waits for no mint budget and leaves nothing behind when it gets
no answer. That a path gives no lease is known from its first answer on.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.publishing import write
from freshkey.core.keys.renewal import clear_trouble
from freshkey.core.keys.replacement import back_off, try_out, want
from freshkey.core.model.actions import Refresh
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Call,
    Credential,
    Idle,
    Lease,
    Minting,
    Names,
    Reason,
    Refreshing,
    Wanted,
)
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import BASE

if TYPE_CHECKING:
    from freshkey.core.model.grants import Grant
    from freshkey.core.model.state import KeyState
    from freshkey.core.pacing.context import StepContext

_REFUSED = "Vault still holds the key that OpenAI refuses: put a new one at its path"
_BARRED = "Vault still holds the key that was called compromised: put a new one at its path"


def is_static(key: KeyState) -> bool:
    """Whether the next read of this key's path mints nothing, as far as is known."""
    return key.current is not None and key.current.lease.static and not key.outdated


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Order the read that is due; `check_at` is when a reader's report is to be looked into."""
    current = key.current
    if current is None or not is_static(key):
        return key
    if context.due(key.watch.check_at):
        key = replace(key, watch=replace(key.watch, check_at=inf, claimed=False))
        key = want(key, Reason.REPORTED, context)
    token = context.tokens.current
    if not isinstance(key.cycle, Wanted) or key.call is not None:
        return key
    if token is None or context.link.away or not context.due(current.lease.started_at + BASE):
        return key
    context.do(Refresh(key.name, token.number, token.secret))
    return replace(key, cycle=Refreshing(key.cycle.reason), call=Call.REFRESH)


def on_read(key: KeyState, grant: Grant, context: StepContext) -> KeyState:
    """A secret that has changed is tested like a newly minted key."""
    if not isinstance(key.cycle, Minting | Refreshing):
        return key
    reason, current = key.cycle.reason, key.current
    fingerprint = grant.secret.fingerprint
    lease = Lease(
        id=fingerprint,
        token=NO_TOKEN,
        term=inf,
        renewable=False,
        started_at=grant.asked_at,
        expires_at=inf,
        draw=context.chance.draw(key.name, "point"),
        names=Names(
            tag=f"{key.generation + 1}-{fingerprint}",
            api_key_id=grant.api_key_id,
            service_account=grant.service_account,
        ),
    )
    if current is not None and current.lease.static and current.secret == grant.secret:
        lease = replace(lease, names=current.lease.names)
        key = replace(key, current=replace(current, lease=lease), outdated=False)
        return _on_unchanged(key, reason, context)
    if fingerprint == key.barred:
        return _refuse(key, reason, _BARRED, context)
    context.audit("key.fetched", key.name, lease, request_id=grant.request_id)
    return try_out(key, Credential(lease, grant.secret), reason, context)


def is_missing(key: KeyState) -> bool:
    """Whether Vault has nothing any more where it kept the published key."""
    match key.cycle:
        case BackingOff(fault=Fault(kind=FaultKind.NOT_FOUND)):
            return is_static(key)
        case _:
            return False


def on_missing(key: KeyState, context: StepContext) -> KeyState:
    """The key stays while OpenAI takes it, which is asked at once."""
    return replace(key, watch=replace(key.watch, probe_at=context.now))


def _on_unchanged(key: KeyState, reason: Reason, context: StepContext) -> KeyState:
    """No news: good, unless OpenAI has refused this very key."""
    if key.watch.refusals > (0 if reason is Reason.REPORTED else 1):
        return _refuse(key, reason, _REFUSED, context)
    key = clear_trouble(replace(key, cycle=Idle(), failures=0))
    return write(key, context)  # files that somebody removed or changed come back


def _refuse(key: KeyState, reason: Reason, message: str, context: StepContext) -> KeyState:
    trouble = Trouble(Operation.REFRESH, Fault(FaultKind.REFUSED, message), context.now)
    return back_off(key, reason, trouble, context, at_most=context.of(key).refresh)
