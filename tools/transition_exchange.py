"""The situations of a key that is exchanged at OpenAI, for the transition table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model import actions, events
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import Grant
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    Call,
    Credential,
    Exchanging,
    Idle,
    Lease,
    Reason,
    Wanted,
)
from freshkey.core.model.struct import replace

from tools.transition_rows import AWAY, FORBIDDEN, HOUR, INVALID, NOW, SECRET, agent, key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.transition_rows import Row

_LIMITED = Fault(FaultKind.UPSTREAM, "429", upstream_status=429)


def exchange_rows() -> Iterator[Row]:
    """An access token: exchanged early, and never revoked."""
    lease = Lease(SECRET.fingerprint, NO_TOKEN, HOUR, False, NOW, NOW + HOUR, draw=0.0)  # noqa: FBT003 - renewable
    held = Credential(lease, SECRET)
    order = actions.Exchange("key", 1, SECRET)
    later = NOW + HOUR / 2
    grant = Grant("", HOUR, renewable=False, secret=Secret("oaiat-2"), asked_at=later)
    no_gain = replace(grant, duration=HOUR / 2)
    again = replace(grant, secret=SECRET)
    yield (
        "Wanted",
        "there is a token",
        agent(key(Wanted(Reason.FIRST), held=False)),
        events.Woke(),
        NOW,
    )
    ready = key(Idle(), current=held, written_until=NOW + HOUR)
    yield "Idle", "the point has come", agent(ready), events.Woke(), NOW + 0.67 * HOUR
    exchanging = agent(
        key(Exchanging(Reason.DUE), current=held, written_until=NOW + HOUR, call=Call.EXCHANGE)
    )
    for words, given in (
        ("", grant),
        (": it ends no later", no_gain),
        (": the same, with a later end", again),
    ):
        yield "Exchanging", f"Exchanged{words}", exchanging, events.Exchanged(order, given), later
    for words, fault in (
        ("forbidden", FORBIDDEN),
        ("OpenAI at its limit", _LIMITED),
        ("token invalid", INVALID),
        ("Vault away", AWAY),
    ):
        yield "Exchanging", f"Failed: {words}", exchanging, events.Failed(order, fault), NOW
    compromised = events.RotateRequested("key", compromised=True, now=True)
    yield "Idle", "RotateRequested, now", agent(ready), compromised, NOW
