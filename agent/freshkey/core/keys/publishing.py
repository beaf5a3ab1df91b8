"""Making a key visible, and taking it back."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys.revocation import (
    end_hurried,
    end_overlaps,
    leave,
    retire,
    start_overlaps,
    supersede,
)
from freshkey.core.model.actions import Level, Publish, Withdraw
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.state import Idle, Watch
from freshkey.core.model.struct import replace
from freshkey.core.model.view import Publication
from freshkey.core.pacing.backoff import BASE, FILES_CAP, jittered
from freshkey.core.pacing.timing import check_time, good_until

if TYPE_CHECKING:
    from freshkey.core.model.events import Published
    from freshkey.core.model.faults import Fault
    from freshkey.core.model.state import Credential, KeyState, Lease, Reason
    from freshkey.core.model.token import Tokens
    from freshkey.core.pacing.context import StepContext

LONG_ANSWER = 5.0  # seconds; a mint usually takes well under one


def publication(key: KeyState, tokens: Tokens) -> Publication | None:
    """Return what readers get, or None when there is nothing for them."""
    return None if key.current is None else _shown(key, key.current, tokens)


def publish(
    key: KeyState, credential: Credential, reason: Reason, context: StepContext
) -> KeyState:
    """Make a minted key the current one; its predecessor is revoked once it is out everywhere."""
    key = end_overlaps(key, context)
    if key.current is not None:
        key = supersede(key, key.current.lease, context)
    policy = context.of(key)
    draw = context.chance.draw(key.name, "check")
    key = replace(
        key,
        generation=key.generation + 1,
        published_at=context.now,
        current=credential,
        reason=reason,
        withdrawn=False,
        compromised=False,
        outdated=False,
        barred=None,
        confirmed=True,
        cycle=Idle(),
        failures=0,
        trouble=None,
        watch=Watch(
            check_at=_first_check(credential.lease, policy.check_every, draw, context.now),
            probe_at=context.now + policy.probe_every if policy.probe_every else inf,
            probed_at=key.watch.probed_at,
            claim_minted_at=key.watch.claim_minted_at,
        ),
    )
    return write(key, context)


def _first_check(lease: Lease, every: float, draw: float, now: float) -> float:
    """Look a lease up at once if its answer took long, to learn its true end."""
    if not lease.is_of_vault:
        return inf
    if lease.lag > LONG_ANSWER:
        return now
    return check_time(now, every, draw)


def write(key: KeyState, context: StepContext) -> KeyState:
    """Order every file of the current generation to be written."""
    if key.current is None:
        return key
    context.do(Publish(key.name, _shown(key, key.current, context.tokens)))
    end = good_until(key.current.lease, context.tokens)
    return replace(key, publishing=True, rewrite_at=inf, written_until=end)


def restore(key: KeyState, context: StepContext) -> KeyState:
    """Bring the files to what the state says, because somebody may have changed them meanwhile."""
    return remove(key, context) if key.withdrawn else write(key, context)


def on_published(key: KeyState, event: Published, context: StepContext) -> KeyState:
    """Readers have the new generation.

    A file that failed is retried; its readers still hold the old key, so no overlap starts before
    every file is written. A compromised key waits for no file.
    """
    if key.current is None or event.order.publication.generation != key.generation:
        return key
    if key.announced < key.generation:
        _announce(key, key.current, context)
    key = replace(key, publishing=False, announced=key.generation)
    if not event.faults:
        trouble = key.trouble
        wrote = trouble is not None and trouble.operation is Operation.PUBLISH
        if key.write_failures:
            context.tell("key.files_recovered", key=key.name, generation=key.generation)
        key = replace(key, write_failures=0, trouble=None if wrote else trouble)
        return start_overlaps(key, context)
    return _retry_files(end_hurried(key, context), Operation.PUBLISH, event.faults, context)


def plan(key: KeyState, context: StepContext) -> KeyState:
    """Write or remove again what could not be, or what tells of an end that has moved."""
    if key.publishing:
        return key
    if key.current is None:
        return remove(key, context) if context.due(key.rewrite_at) else key
    moved = good_until(key.current.lease, context.tokens) != key.written_until
    return write(key, context) if moved or context.due(key.rewrite_at) else key


def withdraw(key: KeyState, why: str, context: StepContext) -> KeyState:
    """Take the key from its readers. What is left of its lease is revoked at once."""
    if key.current is None:
        return key
    context.take_back_publish(key.name)
    context.audit("key.withdrawn", key.name, key.current.lease, Level.WARNING, why=why)
    context.do(Withdraw(key.name))
    leave(key, key.current.lease, context, Level.WARNING)
    key = start_overlaps(retire(key, key.current.lease, context.now), context)
    return replace(
        key,
        current=None,
        withdrawn=True,
        publishing=False,
        rewrite_at=inf,
        write_failures=0,
        watch=Watch(probed_at=key.watch.probed_at, claim_minted_at=key.watch.claim_minted_at),
    )


def on_withdrawn(key: KeyState, faults: tuple[Fault, ...], context: StepContext) -> KeyState:
    """Files are gone; one that could not be removed still shows the key, and is tried again."""
    if not faults or key.current is not None:
        return key
    return _retry_files(key, Operation.WITHDRAW, faults, context)


def remove(key: KeyState, context: StepContext) -> KeyState:
    """Order the files of a withdrawn key to be removed."""
    context.do(Withdraw(key.name))
    return replace(key, rewrite_at=inf)


def _retry_files(
    key: KeyState, operation: Operation, faults: tuple[Fault, ...], context: StepContext
) -> KeyState:
    failures = key.write_failures + 1
    wait = jittered(BASE, FILES_CAP, failures, context.chance.draw(key.name, "write"))
    if failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … time: a full disk must not fill a log
        _tell_faults(key, faults, context)
    trouble = Trouble(operation, faults[0], context.now)
    return replace(key, write_failures=failures, rewrite_at=context.now + wait, trouble=trouble)


def _shown(key: KeyState, current: Credential, tokens: Tokens) -> Publication:
    lease = current.lease
    return Publication(
        key.generation,
        current.secret,
        None if lease.static else good_until(lease, tokens),
        lease.names.api_key_id,
        lease.names.service_account if lease.exchanged else None,
    )


def _announce(key: KeyState, current: Credential, context: StepContext) -> None:
    end = None if current.lease.static else good_until(current.lease, context.tokens)
    context.audit(
        "key.published",
        key.name,
        current.lease,
        generation=key.generation,
        reason=key.reason.value,
        expires_in=None if end is None else round(end - context.now),
        expires_at=end,
    )


def _tell_faults(key: KeyState, faults: tuple[Fault, ...], context: StepContext) -> None:
    for fault in faults:
        context.tell(
            "key.file_failed",
            Level.WARNING,
            key=key.name,
            fault=fault.kind.value,
            message=fault.message,
        )
