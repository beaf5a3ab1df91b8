"""The situations of a secret without a lease that the transition table shows."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.model import actions, events
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import Grant
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    Call,
    Credential,
    Idle,
    Lease,
    Minting,
    Reason,
    Refreshing,
    Watch,
)
from freshkey.core.model.struct import replace

from tools.transition_rows import AWAY, FORBIDDEN, ISSUE, NOW, SECRET, Row, agent, key

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING: Final = Fault(FaultKind.NOT_FOUND, "nothing there")


def static_rows() -> Iterator[Row]:
    """A secret without a lease: it is read again, and tried when it is another one."""
    static = Lease(SECRET.fingerprint, NO_TOKEN, inf, False, NOW, inf, draw=0.0)  # noqa: FBT003 - renewable
    held = Credential(static, SECRET)
    kept = Grant("", inf, renewable=False, secret=SECRET, asked_at=NOW)
    other = replace(kept, secret=Secret("sk-other"))
    minting = agent(key(Minting(Reason.FIRST, 1, NOW), held=False, call=Call.MINT))
    yield "Minting", "Issued, without a lease", minting, events.Issued(ISSUE, kept), NOW
    yield (
        "Idle",
        "refresh is over",
        agent(key(Idle(), current=held, written_until=inf)),
        events.Woke(),
        NOW + 300,
    )
    refresh = actions.Refresh("key", 1, SECRET)
    reading = agent(key(Refreshing(Reason.DUE), current=held, written_until=inf, call=Call.REFRESH))
    yield "Refreshing", "Refreshed: the same", reading, events.Refreshed(refresh, kept), NOW
    yield "Refreshing", "Refreshed: another", reading, events.Refreshed(refresh, other), NOW
    refused = agent(replace(reading.keys[0], watch=Watch(refusals=2)))
    words = "Refreshed: the same, which OpenAI refuses"
    yield "Refreshing", words, refused, events.Refreshed(refresh, kept), NOW
    for words, fault in (
        ("forbidden", FORBIDDEN),
        ("nothing there", NOTHING),
        ("Vault away", AWAY),
    ):
        yield "Refreshing", f"Failed: {words}", reading, events.Failed(refresh, fault), NOW
