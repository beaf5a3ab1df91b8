"""What a failed replacement changes, field by field."""

from __future__ import annotations

import pytest
from freshkey.core.keys import replacement
from freshkey.core.model.actions import Exchange, Issue, Level, Record, Refresh
from freshkey.core.model.faults import Fault, FaultKind, Operation, Trouble
from freshkey.core.model.state import (
    BackingOff,
    Call,
    Cycle,
    Exchanging,
    Lease,
    Minting,
    Reason,
    Refreshing,
    Retired,
    Wanted,
)
from freshkey.core.model.struct import replace

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import TOKEN, UNDER, published
from tests.core.scripts import AWAY, FORBIDDEN, INVALID, LOST

ISSUE = Issue("billing", 1, TOKEN.secret)
MINTING = Minting(Reason.DUE, 1, NOW - 1)
REFRESH = Refresh("billing", 1, TOKEN.secret)
EXCHANGE = Exchange("billing", 1, TOKEN.secret)


@pytest.mark.parametrize(
    ("order", "cycle", "operation"),
    [
        (ISSUE, MINTING, Operation.MINT),
        (REFRESH, Refreshing(Reason.DUE), Operation.REFRESH),
        (EXCHANGE, Exchanging(Reason.DUE), Operation.EXCHANGE),
    ],
)
def test_a_replacement_that_fails_waits(
    order: Issue | Refresh | Exchange, cycle: Cycle, operation: Operation
) -> None:
    context = at(tokens=UNDER)
    key = published(cycle=cycle, call=Call.MINT, failures=2)
    wait = 40 * context.chance.draw("billing", "backoff")
    assert wait > 10
    trouble = Trouble(operation, FORBIDDEN, NOW)
    assert replacement.on_failed(key, order, FORBIDDEN, context) == replace(
        key,
        cycle=BackingOff(Reason.DUE, NOW, NOW + wait, FORBIDDEN),
        call=None,
        failures=3,
        trouble=trouble,
    )
    assert context.wake_at == NOW + wait
    (record,) = context.actions
    assert isinstance(record, Record)
    assert (record.level, record.event) == (Level.WARNING, "key.replacement_failed")
    fields = dict(record.fields)
    assert fields["operation"] == operation.value
    assert fields["reason"] == "due"
    assert fields["fault"] == "forbidden"
    assert fields["retry_in"] == round(wait, 1)


def test_a_failure_before_the_end_of_the_key_leaves_another_try() -> None:
    context = at(now=NOW + 33, tokens=UNDER)
    after = replacement.on_failed(published(cycle=MINTING, failures=9), ISSUE, AWAY, context)
    assert isinstance(after.cycle, BackingOff)
    assert after.cycle.until == NOW + 35


def test_a_mint_whose_token_was_invalid_waits_for_the_next() -> None:
    key = published(cycle=MINTING, call=Call.MINT, failures=2)
    trouble = Trouble(Operation.MINT, INVALID, NOW)
    after = replacement.on_failed(key, ISSUE, INVALID, at())
    assert after == replace(key, cycle=Wanted(Reason.DUE), call=None, trouble=trouble)


def test_a_failure_that_nobody_waits_for_is_over() -> None:
    context = at()
    key = published(call=Call.MINT)
    assert replacement.on_failed(key, ISSUE, LOST, context) == replace(key, call=None)
    assert not context.actions


@pytest.mark.parametrize(
    ("order", "cycle", "fault", "abandoned"),
    [
        (ISSUE, MINTING, LOST, True),
        (ISSUE, MINTING, AWAY, False),
        (REFRESH, Refreshing(Reason.DUE), LOST, False),
    ],
)
def test_only_a_mint_without_an_answer_may_have_left_a_lease(
    order: Issue | Refresh,
    cycle: Cycle,
    fault: Fault,
    abandoned: bool,
) -> None:
    context = at(tokens=UNDER)
    replacement.on_failed(published(cycle=cycle), order, fault, context)
    assert ("mint.abandoned" in [event for event, _ in told(context)]) is abandoned


def test_a_lease_without_a_key_is_retired() -> None:
    orphan = ("openai/creds/billing/9", 600.0)
    fault = Fault(FaultKind.MALFORMED, "no field api_key", orphan=orphan)
    after = replacement.on_failed(published(cycle=MINTING), ISSUE, fault, at(tokens=UNDER))
    held = Lease(orphan[0], 1, 600.0, False, NOW, NOW + 600, 0.0)  # noqa: FBT003 - as the core makes it
    assert after.retired == (Retired(held, NOW),)


def test_a_wait_may_have_a_bound() -> None:
    trouble = Trouble(Operation.TEST, FORBIDDEN, NOW)
    after = replacement.back_off(published(), Reason.DUE, trouble, at(tokens=UNDER), at_most=0.5)
    assert after.cycle == BackingOff(Reason.DUE, NOW, NOW + 0.5, FORBIDDEN)
