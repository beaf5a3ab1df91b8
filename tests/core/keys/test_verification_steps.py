"""What the deadlines of the test of a minted key ask for."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.keys import verification
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Lease,
    Reason,
    Retired,
    Wanted,
)
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.model.verdict import Verdict

from tests.core.contexts import NOW, at, token
from tests.core.keys.held import MINTED, UNDER, lease, published, trying
from tests.core.scripts import policy

if TYPE_CHECKING:
    from freshkey.core.pacing.context import StepContext

UNKNOWN, REFUSED = Verdict.UNKNOWN, Verdict.REFUSED
PREFER, REQUIRE, OFF = VerifyMode.PREFER, VerifyMode.REQUIRE, VerifyMode.OFF


def step(mode: VerifyMode = PREFER, now: float = NOW) -> StepContext:
    return at(now, policy(verify=mode), tokens=UNDER)


def test_a_test_is_under_way_once_it_is_ordered() -> None:
    context = step()
    key = published(cycle=trying())
    after = verification.plan(key, context)
    assert after == replace(key, probing=MINTED.lease.id)
    assert context.actions == [Probe("billing", MINTED.lease.id, MINTED.secret)]
    context = step()
    assert verification.plan(after, context) == after
    assert not context.actions


def test_a_test_waits_for_its_time() -> None:
    context = step()
    key = published(cycle=trying(retry_at=NOW + 3))
    assert verification.plan(key, context) == key
    assert context.wake_at == NOW + 3
    assert verification.plan(published(), context) == published()


@pytest.mark.parametrize(
    ("mode", "verdict", "now", "out"),
    [
        pytest.param(OFF, None, NOW, True, id="nothing is tested any more"),
        pytest.param(PREFER, None, NOW + 30, True, id="the first test takes long"),
        pytest.param(PREFER, None, NOW + 29, False, id="it may still come"),
        pytest.param(REQUIRE, None, NOW + 30, False, id="it has to come"),
        pytest.param(PREFER, UNKNOWN, NOW + 30, True, id="OpenAI can't tell"),
        pytest.param(PREFER, UNKNOWN, NOW + 29, False, id="it may still"),
        pytest.param(REQUIRE, UNKNOWN, NOW + 30, False, id="it has to"),
        pytest.param(PREFER, REFUSED, NOW + 30, False, id="it does not take the key"),
    ],
)
def test_when_an_untested_key_is_published(
    mode: VerifyMode,
    verdict: Verdict | None,
    now: float,
    out: bool,
) -> None:
    context = step(mode, now)
    key = published(
        lease(expires_at=NOW + 900), cycle=trying(verdict=verdict), probing=MINTED.lease.id
    )
    after = verification.plan(key, context)
    assert (after.generation == 4) is out
    if not out:
        assert after == key
        return
    assert after.current == MINTED
    assert after.reason is Reason.DUE
    record = next(a for a in context.actions if isinstance(a, Record))
    level = Level.INFO if mode is OFF else Level.WARNING
    assert (record.event, record.level) == ("key.published_untested", level)
    assert dict(record.fields) == {"key": "billing", "lease_id": MINTED.lease.id}


def test_a_key_that_openai_can_not_judge_is_out_before_the_overlap() -> None:
    key = published(lease(expires_at=NOW + 310), cycle=trying(verdict=UNKNOWN, retry_at=inf))
    assert verification.plan(key, step(now=NOW + 9.9)) == key
    assert verification.plan(key, step(now=NOW + 10)).generation == 4


def test_without_a_key_there_is_no_overlap() -> None:
    key = published(current=None, cycle=trying(verdict=UNKNOWN, retry_at=inf))
    assert verification.plan(key, step(now=NOW + 29.9)) == key
    assert verification.plan(key, step(now=NOW + 30)).generation == 4


@pytest.mark.parametrize(
    ("started", "ends", "by"),
    [
        pytest.param(NOW - 1, NOW + 19, NOW + 9.5, id="half a short lease"),
        pytest.param(NOW - 40, NOW + 20, NOW + 10, id="half of what is left of it"),
        pytest.param(NOW, NOW + 1, NOW + 1, id="a second, of one that has no more"),
    ],
)
def test_a_key_with_a_short_lease_is_judged_in_time(started: float, ends: float, by: float) -> None:
    held = replace(MINTED.lease, started_at=started, expires_at=ends)
    key = published(None, current=None, cycle=trying(held=held, retry_at=inf))
    assert verification.plan(key, step(now=by - 0.1)) == key
    assert verification.plan(key, step(now=by)).generation == 4


@pytest.mark.parametrize(
    ("ends", "at_last"),
    [
        pytest.param(NOW + 3599, NOW + 2051, id="at its point"),
        pytest.param(NOW + 59, NOW + 30, id="after the last try"),
        pytest.param(NOW + 19, NOW + 19, id="at its end"),
    ],
)
def test_a_key_that_nobody_vouches_for_is_given_up(ends: float, at_last: float) -> None:
    held = replace(MINTED.lease, expires_at=ends)
    key = published(cycle=trying(held=held, retry_at=at_last))
    assert verification.plan(key, step(REQUIRE, at_last - 0.1)) == key
    after = verification.plan(key, step(REQUIRE, at_last))
    message = "OpenAI does not vouch for the new key: no test was answered"
    trouble = Trouble(Operation.TEST, Fault(FaultKind.UPSTREAM, message), at_last)
    assert isinstance(after.cycle, BackingOff)
    assert (after.trouble, after.retired) == (trouble, (Retired(held, at_last),))


@pytest.mark.parametrize(
    ("held", "tokens", "now", "ended"),
    [
        pytest.param(MINTED.lease, Tokens(), NOW, True, id="its token is not known"),
        pytest.param(
            MINTED.lease, Tokens(replace(token(), lost_at=NOW)), NOW, True, id="its token is lost"
        ),
        pytest.param(MINTED.lease, UNDER, NOW + 31, False, id="it lives"),
        pytest.param(
            replace(MINTED.lease, token=NO_TOKEN), Tokens(), NOW, False, id="an access token"
        ),
        pytest.param(
            replace(MINTED.lease, expires_at=NOW + 30.5),
            UNDER,
            NOW + 30.5,
            True,
            id="the machine slept",
        ),
        pytest.param(
            replace(MINTED.lease, expires_at=NOW + 30),
            UNDER,
            NOW + 30,
            False,
            id="the test is late",
        ),
    ],
)
def test_a_key_that_has_ended_untested_is_replaced_at_once(
    held: Lease,
    tokens: Tokens,
    now: float,
    ended: bool,
) -> None:
    key = published(cycle=trying(held=held))
    after = verification.plan(key, at(now, policy(verify=REQUIRE), tokens=tokens))
    assert isinstance(after.cycle, Wanted) is ended
    if ended:
        gone = (Retired(held, now),)
        assert after == replace(key, cycle=Wanted(Reason.DUE), retired=gone)


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [
        pytest.param(REQUIRE, UNKNOWN, id="it would never be judged"),
        pytest.param(PREFER, REFUSED, id="it was not active yet"),
        pytest.param(PREFER, None, id="its first test is on its way"),
        pytest.param(PREFER, UNKNOWN, id="it was to be published untested"),
        pytest.param(OFF, None, id="a stop had left it, or a journal"),
    ],
)
def test_a_key_whose_token_has_come_to_its_end(mode: VerifyMode, verdict: Verdict | None) -> None:
    """The key has ended with it, so nobody may get it any more."""
    under = Tokens(replace(token(), expires_at=NOW + 5))
    key = published(current=None, cycle=trying(verdict=verdict, retry_at=NOW + 9))
    if mode is not OFF:
        before = at(chosen=policy(verify=mode), tokens=under)
        assert verification.plan(key, before) == key
        assert before.wake_at == NOW + 5
    after = verification.plan(key, at(NOW + 5, policy(verify=mode), tokens=under))
    retired = (Retired(MINTED.lease, NOW + 5),)
    assert after == replace(key, cycle=Wanted(Reason.DUE), retired=retired, failures=1)


@pytest.mark.parametrize(("now", "waits"), [(NOW + 2051, True), (NOW + 3599, False)])
def test_a_last_answer_is_waited_for_up_to_the_end(now: float, waits: bool) -> None:
    key = published(cycle=trying(verdict=UNKNOWN), probing=MINTED.lease.id)
    assert (verification.plan(key, step(REQUIRE, now)) == key) is waits


@pytest.mark.parametrize("mode", [PREFER, REQUIRE])
def test_a_key_whose_token_is_lost_waits_for_no_verdict(mode: VerifyMode) -> None:
    lost = Tokens(replace(token(), lost_at=NOW))
    key = published(current=None, cycle=trying(retry_at=NOW + 9))
    after = verification.plan(key, at(chosen=policy(verify=mode), tokens=lost))
    assert after.cycle == Wanted(Reason.DUE)


@pytest.mark.parametrize("mode", [PREFER, REQUIRE])
def test_a_key_whose_time_was_slept_through_is_tested_at_once(mode: VerifyMode) -> None:
    """Before it is given up, or published untested."""
    now = NOW + 2100
    context = step(mode, now)
    key = published(current=None, cycle=trying(verdict=UNKNOWN))
    after = verification.plan(key, context)
    again = trying(now, verdict=UNKNOWN, retry_at=now)
    assert after == replace(key, cycle=again, probing=MINTED.lease.id)
    assert context.actions == [Probe("billing", MINTED.lease.id, MINTED.secret)]


def test_a_test_under_way_is_waited_for_after_a_sleep() -> None:
    key = published(cycle=trying(verdict=UNKNOWN), probing=MINTED.lease.id)
    assert verification.plan(key, step(REQUIRE, NOW + 2100)) == key
