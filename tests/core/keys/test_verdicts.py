"""What OpenAI's verdict on a minted key changes, field by field."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.keys import verification
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Tested as Answered
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Idle,
    KeyState,
    Lease,
    Reason,
    Retired,
    Wanted,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.model.verdict import Finding, Verdict

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import MINTED, TOKEN, UNDER, published, trying
from tests.core.scripts import policy

if TYPE_CHECKING:
    from freshkey.core.pacing.context import StepContext

REFUSED, UNKNOWN, GOOD = Verdict.REFUSED, Verdict.UNKNOWN, Verdict.GOOD


def answered(key: KeyState, verdict: Verdict, context: StepContext) -> KeyState:
    event = Answered(Probe("billing", MINTED.lease.id, MINTED.secret), Finding(verdict, "it says"))
    assert isinstance(key.cycle, BeingTested)
    return verification.on_tested(key, key.cycle, event, context)


def step(mode: VerifyMode = VerifyMode.PREFER, now: float = NOW) -> StepContext:
    return at(now, policy(verify=mode), tokens=UNDER)


def test_every_test_goes_on_record() -> None:
    context = step()
    answered(published(cycle=trying()), GOOD, context)
    event, fields = told(context)[0]
    assert (event, fields["verdict"], fields["detail"]) == ("key.tested", "good", "it says")
    assert (fields["lease_id"], fields["tag"]) == (MINTED.lease.id, MINTED.lease.names.tag)


def test_a_good_key_is_published() -> None:
    after = answered(published(cycle=trying()), GOOD, step())
    assert (after.generation, after.cycle, after.reason) == (4, Idle(), Reason.DUE)
    assert after.current == MINTED


@pytest.mark.parametrize(
    ("verdict", "since", "attempts", "longest"),
    [
        pytest.param(REFUSED, NOW, 0, 0.25, id="it may not be active yet"),
        pytest.param(UNKNOWN, NOW, 0, 0.25, id="OpenAI could not tell"),
        pytest.param(REFUSED, NOW, 2, 1.0, id="longer and longer"),
        pytest.param(REFUSED, NOW - 9, 9, 4.0, id="up to four seconds"),
        pytest.param(UNKNOWN, NOW - 30, 2, 1.0, id="after the last try"),
        pytest.param(UNKNOWN, NOW - 90, 9, 60.0, id="up to a minute"),
        pytest.param(UNKNOWN, NOW - 30, 5, 8.0, id="after the last try, longer than before it"),
    ],
)
def test_a_key_that_is_not_good_is_tested_again(
    verdict: Verdict, since: float, attempts: int, longest: float
) -> None:
    context = step()
    key = published(cycle=trying(since, attempts=attempts))
    wait = longest * (0.5 + 0.5 * context.chance.draw("billing", "retest"))
    again = trying(since, attempts=attempts + 1, verdict=verdict, retry_at=NOW + wait)
    if verdict is REFUSED:
        fault = Fault(FaultKind.REFUSED, "OpenAI refuses the new key: it says")
    else:
        fault = Fault(FaultKind.UPSTREAM, "OpenAI does not vouch for the new key: it says")
    expected = replace(key, cycle=again, trouble=Trouble(Operation.TEST, fault, NOW))
    assert answered(key, verdict, context) == expected


def test_the_last_try_is_no_later_than_configured() -> None:
    after = answered(published(cycle=trying(NOW - 29, attempts=9)), REFUSED, step())
    assert isinstance(after.cycle, BeingTested)
    assert after.cycle.retry_at == NOW + 1


@pytest.mark.parametrize(
    ("left", "wait"),
    [
        pytest.param(12, 7, id="five seconds before it"),
        pytest.param(7, 4, id="four seconds after the one before, at the soonest"),
    ],
)
def test_a_last_test_comes_before_the_point_where_a_key_is_given_up(
    left: float, wait: float
) -> None:
    now = NOW + 2051 - left
    after = answered(published(cycle=trying(attempts=30, retry_at=now)), UNKNOWN, step(now=now))
    assert isinstance(after.cycle, BeingTested)
    assert after.cycle.retry_at == now + wait


@pytest.mark.parametrize(("late", "slept"), [(30.0, False), (30.5, True)])
def test_a_refusal_from_before_the_machine_slept_tells_nothing(late: float, slept: bool) -> None:
    """The key has its time to become active once more, from now on."""
    after = answered(published(cycle=trying()), REFUSED, step(now=NOW + late))
    if not slept:
        assert isinstance(after.cycle, BackingOff)
        return
    assert isinstance(after.cycle, BeingTested)
    assert after.cycle.since == NOW + late
    assert NOW + late < after.cycle.retry_at <= NOW + late + 0.25


def test_a_key_that_is_still_refused_is_given_up() -> None:
    context = step()
    after = answered(published(cycle=trying(NOW - 30), failures=3), REFUSED, context)
    fault = Fault(FaultKind.REFUSED, "OpenAI refuses the new key: it says")
    assert after == published(
        cycle=BackingOff(Reason.DUE, NOW, NOW + 480, fault, refused_under=MINTED.lease.token),
        failures=4,
        trouble=Trouble(Operation.TEST, fault, NOW),
        retired=(Retired(MINTED.lease, NOW),),
    )


def test_a_key_that_was_not_judged_was_not_refused_with_its_token() -> None:
    held = replace(MINTED.lease, expires_at=NOW)
    key = published(cycle=trying(held=held, verdict=UNKNOWN))
    after = verification.plan(key, step(VerifyMode.REQUIRE))
    assert isinstance(after.cycle, BackingOff)
    assert after.cycle.refused_under == NO_TOKEN


ENDED = replace(MINTED.lease, expires_at=NOW)
SPENT = Tokens(replace(TOKEN, expires_at=NOW))
LATE = NOW - 30.1  # when the test was due


@pytest.mark.parametrize(
    ("held", "tokens", "retry_at", "begun_anew", "failures"),
    [
        pytest.param(MINTED.lease, SPENT, NOW, True, 1, id="with its token"),
        pytest.param(ENDED, UNDER, LATE, True, 0, id="while the machine slept"),
        pytest.param(ENDED, UNDER, NOW - 30, False, 1, id="in its test"),
    ],
)
def test_what_is_said_of_a_key_that_has_ended_tells_of_no_other(
    held: Lease,
    tokens: Tokens,
    retry_at: float,
    begun_anew: bool,
    failures: int,
) -> None:
    key = published(cycle=trying(NOW - 30, held=held, retry_at=retry_at))
    after = answered(key, REFUSED, at(chosen=policy(), tokens=tokens))
    assert after == answered(key, UNKNOWN, at(chosen=policy(), tokens=tokens))
    assert (after.generation, after.failures) == (3, failures)
    assert after.retired == (Retired(held, NOW),)
    if begun_anew:
        assert after.cycle == Wanted(Reason.DUE)
        return
    assert isinstance(after.cycle, BackingOff)
    message = "OpenAI does not vouch for the new key: it ended before OpenAI accepted it"
    assert after.cycle.fault == Fault(FaultKind.UPSTREAM, message)


def test_a_second_token_in_a_row_that_ends_too_soon_costs_a_wait() -> None:
    key = published(cycle=trying(NOW - 9, verdict=REFUSED), failures=1)
    after = answered(key, REFUSED, at(chosen=policy(), tokens=SPENT))
    assert isinstance(after.cycle, BackingOff)
    assert (after.failures, after.cycle.fault.kind) == (2, FaultKind.REFUSED)


def test_a_refusal_before_the_end_of_a_short_lease_counts_after_it() -> None:
    key = published(cycle=trying(held=ENDED, verdict=REFUSED))
    after = answered(key, REFUSED, step())
    assert isinstance(after.cycle, BackingOff)
    fault = Fault(FaultKind.REFUSED, "OpenAI refuses the new key: it says")
    assert (after.cycle.fault, after.cycle.refused_under) == (fault, ENDED.token)


def test_a_refused_access_token_is_left() -> None:
    context = step()
    held = replace(MINTED.lease, token=NO_TOKEN)
    after = answered(published(cycle=trying(NOW - 30, held=held)), REFUSED, context)
    assert after.retired == ()
    levels = [a.level for a in context.actions if isinstance(a, Record) and a.event == "lease.left"]
    assert levels == [Level.INFO]


def test_a_refused_secret_without_a_lease_is_read_again_as_ever() -> None:
    held = replace(MINTED.lease, token=NO_TOKEN, expires_at=inf)
    context = at(chosen=policy(refresh=45))
    after = answered(published(cycle=trying(NOW - 30, held=held)), REFUSED, context)
    assert isinstance(after.cycle, BackingOff)
    assert after.cycle.until == NOW + 45
