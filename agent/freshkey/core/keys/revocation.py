"""Leases that are no longer published: kept for the overlap, then handed to Vault for revocation.

Only Vault's word ends an entry before its lease ends: it took the revocation over, or it no
longer knows the lease.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.model.actions import Level, LookUp, Record, Revoke
from freshkey.core.model.faults import FaultKind, Operation, Trouble
from freshkey.core.model.records import audited
from freshkey.core.model.state import Call, KeyState, Retired
from freshkey.core.model.struct import replace
from freshkey.core.pacing.backoff import delay

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.faults import Fault
    from freshkey.core.model.state import Lease
    from freshkey.core.pacing.context import StepContext

_LEFT = (
    "an access token lives to its end: to have no more of them given, disable the federation rule "
    "at OpenAI; to end this one sooner, delete the service account"
)
_DOUBTFUL = (FaultKind.BAD_REQUEST, FaultKind.NOT_FOUND)


def retire(key: KeyState, lease: Lease, revoke_at: float) -> KeyState:
    """Take a lease out of use, unless Vault has already said that it is gone, or never had one."""
    if not _alive(lease):
        return key
    return replace(key, retired=(*key.retired, Retired(lease, revoke_at)))


def supersede(key: KeyState, lease: Lease, context: StepContext) -> KeyState:
    """Retire the published lease, until its successor is out everywhere.

    An older one that still waits for that goes: two leases of a key are enough, and the socket has
    had two newer keys since.
    """
    leave(key, lease, context, Level.WARNING if key.compromised else Level.INFO)
    if not _alive(lease):
        return key
    key = _end(key, context, lambda entry: entry.revoke_at == inf)
    return replace(key, retired=(*key.retired, Retired(lease, inf, key.compromised)))


def leave(key: KeyState, lease: Lease, context: StepContext, level: Level) -> None:
    """Tell until when an access token lives that is not used any more: OpenAI revokes none."""
    context.actions += left(key.name, lease, context.now, level)


def left(name: str, lease: Lease, now: float, level: Level) -> tuple[Record, ...]:
    """Record that, if it is such a token, and lives."""
    if not lease.exchanged or now >= lease.expires_at:
        return ()
    return (audited("lease.left", name, lease, level, expires_at=lease.expires_at, message=_LEFT),)


def end_overlaps(key: KeyState, context: StepContext) -> KeyState:
    """Let every overlap end now: a replacement is due, and two leases of a key are enough.

    An entry whose successor is not out everywhere yet keeps its lease.
    """
    return _end(key, context, lambda e: not e.failures and context.now < e.revoke_at < inf)


def end_hurried(key: KeyState, context: StepContext) -> KeyState:
    """What is compromised goes as soon as the socket has its successor, whatever files show."""
    return _end(key, context, lambda entry: entry.hurried and entry.revoke_at == inf)


def start_overlaps(key: KeyState, context: StepContext) -> KeyState:
    """The successor is out: what was retired for it lives for the overlap, at most to its end."""
    overlap = context.of(key).overlap
    started = tuple(
        replace(
            entry,
            revoke_at=min(context.now + (0 if entry.hurried else overlap), entry.lease.expires_at),
        )
        if entry.revoke_at == inf
        else entry
        for entry in key.retired
    )
    return replace(key, retired=started)


def due_entry(key: KeyState, context: StepContext) -> Retired | None:
    """Return the entry whose revocation is to be asked for now, if any."""
    return next((entry for entry in key.retired if context.due(entry.revoke_at)), None)


def forget_ended(key: KeyState, context: StepContext) -> KeyState:
    """Drop entries whose lease has ended by itself."""
    ended = tuple(entry for entry in key.retired if context.due(_last_end(entry.lease)))
    for entry in ended:
        context.audit("lease.ended", key.name, entry.lease)
    return _without(key, ended) if ended else key


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Order the next revocation, where Vault answers and nothing else is under way."""
    key = forget_ended(key, context)
    token = context.tokens.current
    if key.call is not None or context.link.away or token is None:
        return key
    entry = due_entry(key, context)
    if entry is None:
        return key
    if entry.uncertain:
        context.do(LookUp(key.name, entry.lease.id, token.number, token.secret))
        return replace(key, call=Call.LOOKUP)
    context.do(Revoke(key.name, entry.lease.id, token.number, token.secret))
    return replace(key, call=Call.REVOKE)


def is_retired(key: KeyState, lease_id: str) -> bool:
    """Whether an answer about this lease belongs here."""
    return any(entry.lease.id == lease_id for entry in key.retired)


def is_doubtful(key: KeyState, lease_id: str) -> bool:
    """Whether a lookup of this lease was to tell if its revocation is still needed."""
    return any(entry.lease.id == lease_id and entry.uncertain for entry in key.retired)


def on_gone(
    key: KeyState,
    lease_id: str,
    event: str,
    context: StepContext,
    correlation_id: str | None = None,
) -> KeyState:
    """Vault took the revocation over, or no longer knows the lease: the entry is done with."""
    done = tuple(entry for entry in key.retired if entry.lease.id == lease_id)
    for entry in done:
        context.audit(event, key.name, entry.lease, correlation_id=correlation_id)
    return _without(key, done)


def _without(key: KeyState, done: tuple[Retired, ...]) -> KeyState:
    """Forget what is done with, and the trouble that there was with it."""
    left = tuple(entry for entry in key.retired if entry not in done)
    trouble = key.trouble
    if trouble is not None and trouble.operation is Operation.REVOKE_LEASE:
        trouble = trouble if any(entry.failures for entry in left) else None
    return replace(key, retired=left, trouble=trouble)


def pending(key: KeyState, now: float) -> int:
    """Count the leases whose revocation is due, and that Vault has not taken over yet."""
    return sum(entry.failures > 0 or entry.revoke_at <= now for entry in key.retired)


def on_alive(key: KeyState, lease_id: str) -> KeyState:
    """Vault still knows the lease: its revocation is asked for again."""
    return _changed(key, lease_id, uncertain=False)


def on_failed(key: KeyState, lease_id: str, fault: Fault, context: StepContext) -> KeyState:
    """Try again after the backoff, until the lease's end; after a refusal, look it up first."""
    entry = next((e for e in key.retired if e.lease.id == lease_id), None)
    if entry is None:
        return key
    failures = entry.failures + 1
    draw = context.chance.draw(key.name, "revoke")
    retry_at = context.now + delay(fault, failures, draw, remaining=0.0)
    context.tell(
        "lease.revocation_failed",
        Level.WARNING,
        key=key.name,
        lease_id=lease_id,
        api_key_id=entry.lease.names.api_key_id,
        fault=fault.kind.value,
        message=fault.message,
        retry_in=round(retry_at - context.now, 1),
    )
    uncertain = fault.kind in _DOUBTFUL and not entry.uncertain
    if key.trouble is None or key.trouble.operation is Operation.REVOKE_LEASE:
        key = replace(key, trouble=Trouble(Operation.REVOKE_LEASE, fault, context.now))
    return _changed(key, lease_id, failures=failures, revoke_at=retry_at, uncertain=uncertain)


def _alive(lease: Lease) -> bool:
    return lease.gone_at == inf and lease.is_of_vault


def _end(key: KeyState, context: StepContext, which: Callable[[Retired], bool]) -> KeyState:
    ended = tuple(replace(e, revoke_at=context.now) if which(e) else e for e in key.retired)
    return replace(key, retired=ended)


def _last_end(lease: Lease) -> float:
    """When it has ended for certain: the answer to a last renewal may have been lost."""
    return lease.expires_at + lease.lag + (lease.term if lease.renewable else 0.0)


def _changed(
    key: KeyState,
    lease_id: str,
    *,
    uncertain: bool,
    failures: int | None = None,
    revoke_at: float | None = None,
) -> KeyState:
    def change(entry: Retired) -> Retired:
        if entry.lease.id != lease_id:
            return entry
        return replace(
            entry,
            uncertain=uncertain,
            failures=entry.failures if failures is None else failures,
            revoke_at=entry.revoke_at if revoke_at is None else revoke_at,
        )

    return replace(key, retired=tuple(change(entry) for entry in key.retired))
