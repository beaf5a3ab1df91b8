"""What one answer of an exchange changes, as a function of the key that waits for it."""

from __future__ import annotations

import pytest
from freshkey.core.keys.exchanging import on_exchanged
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.grants import Grant
from freshkey.core.model.policy import Subject
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Credential,
    Exchanging,
    KeyState,
    Lease,
    Reason,
)
from freshkey.core.model.state import Testing as BeingTested

from tests.core.contexts import NOW, at
from tests.core.scripts import policy

TERM = 3600.0


def exchanging(left: float, *, compromised: bool = False) -> KeyState:
    """A key whose access token ends in `left` seconds, and whose replacement failed often."""
    lease = Lease("id", NO_TOKEN, TERM, False, NOW + left - TERM, NOW + left, 0.5)  # noqa: FBT003 - as the core makes it
    return KeyState(
        "billing",
        current=Credential(lease, Secret("oaiat-1")),
        compromised=compromised,
        cycle=Exchanging(Reason.DUE),
        failures=9,
    )


def answered(key: KeyState, left: float) -> KeyState:
    """The key, once OpenAI has given its access token again, which ends in `left` seconds."""
    asked_at = NOW - 90.0
    grant = Grant("", 90 + left, renewable=False, secret=Secret("oaiat-1"), asked_at=asked_at)
    return on_exchanged(key, grant, at(chosen=policy(subject=Subject.FILE)))


SELDOM = 300 * at().chance.draw("billing", "backoff")  # what a person has to mend


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(100.0, 50.0, id="halfway to its end"),
        pytest.param(12.0, 10.0, id="no sooner than in ten seconds"),
        pytest.param(0.5, 10.0, id="while it lives"),
        pytest.param(0.0, SELDOM, id="then there is nothing to be in time for"),
        pytest.param(-60.0, SELDOM, id="nor later"),
    ],
)
def test_the_next_try_falls_before_the_end_of_the_token(left: float, expected: float) -> None:
    assert SELDOM > 60
    cycle = answered(exchanging(left), left).cycle
    assert isinstance(cycle, BackingOff)
    assert cycle.fault.kind is FaultKind.FORBIDDEN
    assert cycle.until - NOW == pytest.approx(expected)


def test_the_same_token_is_no_replacement_of_a_compromised_one_that_is_due() -> None:
    cycle = answered(exchanging(60.0, compromised=True), TERM).cycle
    assert isinstance(cycle, BackingOff)
    assert cycle.fault.kind is FaultKind.REFUSED


@pytest.mark.parametrize(("longer", "used"), [(10.5, True), (9.5, False)])
def test_a_token_that_lives_a_tenth_longer_is_used(longer: float, used: bool) -> None:
    context = at(chosen=policy(subject=Subject.FILE))
    grant = Grant("", 100.0, renewable=False, secret=Secret("oaiat-2"), asked_at=NOW)
    cycle = on_exchanged(exchanging(100 - longer), grant, context).cycle
    assert isinstance(cycle, BeingTested if used else BackingOff)
