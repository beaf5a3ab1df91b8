"""Making a key visible, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from freshkey.core.actions import Level, Publish, Withdraw
from freshkey.core.backoff import BASE, CAP, jittered
from freshkey.core.faults import FaultKind
from freshkey.core.revocation import end_overlaps, retire, start_overlaps
from freshkey.core.state import Idle, Watch
from freshkey.core.timing import good_until
from freshkey.core.view import Publication

if TYPE_CHECKING:
    from freshkey.core.events import Published
    from freshkey.core.faults import Fault
    from freshkey.core.state import Credential, KeyState, Reason
    from freshkey.core.token_state import Tokens
    from freshkey.core.turn import Turn


def publication(key: KeyState, tokens: Tokens) -> Publication | None:
    """Return what readers get, or None when there is nothing for them."""
    if key.current is None:
        return None
    return Publication(
        key.generation,
        key.current.secret,
        good_until(key.current.lease, tokens),
        key.current.api_key_id,
    )


def publish(key: KeyState, credential: Credential, reason: Reason, turn: Turn) -> KeyState:
    """Make a minted key the current one; its predecessor is revoked once it is out everywhere."""
    key = end_overlaps(key, turn)
    if key.current is not None:
        key = retire(key, key.current.lease, inf)
    policy = turn.of(key)
    draw = turn.chance.draw(key.name, "check")
    key = replace(
        key,
        generation=key.generation + 1,
        current=credential,
        reason=reason,
        withdrawn=False,
        confirmed=True,
        cycle=Idle(),
        failures=0,
        fault=None,
        watch=Watch(
            check_at=turn.now + policy.check_every * (0.8 + 0.4 * draw)
            if policy.check_every
            else inf,
            probe_at=turn.now + policy.probe_every if policy.probe_every else inf,
            probed_at=key.watch.probed_at,
            claim_minted_at=key.watch.claim_minted_at,
        ),
    )
    return write(key, turn)


def write(key: KeyState, turn: Turn) -> KeyState:
    """Order every file of the current generation to be written."""
    shown = publication(key, turn.tokens)
    if shown is None:
        return key
    turn.do(Publish(key.name, shown))
    return replace(key, publishing=True, rewrite_at=inf, written_until=_end(key, turn))


def on_published(key: KeyState, event: Published, turn: Turn) -> KeyState:
    """Readers have the new generation.

    A file that failed is retried; its readers still hold the old key, so no overlap starts before
    every file is written.
    """
    if key.current is None or event.order.publication.generation != key.generation:
        return key
    if key.announced < key.generation:
        _announce(key, key.current, event.order.publication.tag, turn)
    key = replace(key, publishing=False, announced=key.generation)
    if not event.faults:
        wrote = key.fault is not None and key.fault.kind is FaultKind.OUTPUT
        key = replace(key, write_failures=0, fault=None if wrote else key.fault)
        return start_overlaps(key, turn)
    failures = key.write_failures + 1
    wait = jittered(BASE, CAP, failures, turn.chance.draw(key.name, "write"))
    _tell_faults(key, event.faults, turn)
    return replace(key, write_failures=failures, rewrite_at=turn.now + wait, fault=event.faults[0])


def plan(key: KeyState, turn: Turn) -> KeyState:
    """Write again what could not be written, or what tells of an end that has moved."""
    if key.publishing or key.current is None:
        return key
    moved = _end(key, turn) != key.written_until
    return write(key, turn) if moved or turn.due(key.rewrite_at) else key


def withdraw(key: KeyState, why: str, turn: Turn) -> KeyState:
    """Take the key from its readers. What is left of its lease is revoked at once."""
    if key.current is None:
        return key
    turn.tell(
        "key.withdrawn",
        Level.WARNING,
        key=key.name,
        generation=key.generation,
        lease_id=key.current.lease.id,
        api_key_id=key.current.api_key_id,
        why=why,
    )
    turn.do(Withdraw(key.name))
    key = start_overlaps(retire(key, key.current.lease, turn.now), turn)
    return replace(
        key,
        current=None,
        withdrawn=True,
        publishing=False,
        rewrite_at=inf,
        watch=Watch(probed_at=key.watch.probed_at, claim_minted_at=key.watch.claim_minted_at),
    )


def on_withdrawn(key: KeyState, faults: tuple[Fault, ...], turn: Turn) -> KeyState:
    """Tell of files that could not be removed."""
    _tell_faults(key, faults, turn)
    return replace(key, fault=faults[0]) if faults else key


def _end(key: KeyState, turn: Turn) -> float:
    return -inf if key.current is None else good_until(key.current.lease, turn.tokens)


def _announce(key: KeyState, current: Credential, tag: str, turn: Turn) -> None:
    turn.tell(
        "key.published",
        key=key.name,
        generation=key.generation,
        tag=tag,
        reason=key.reason.value,
        expires_in=round(_end(key, turn) - turn.now),
        lease_id=current.lease.id,
        api_key_id=current.api_key_id,
        service_account=current.service_account,
    )


def _tell_faults(key: KeyState, faults: tuple[Fault, ...], turn: Turn) -> None:
    for fault in faults:
        turn.tell(
            "key.file_failed",
            Level.WARNING,
            key=key.name,
            fault=fault.kind.value,
            message=fault.message,
        )
