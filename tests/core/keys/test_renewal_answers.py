"""When the published lease is renewed or looked up, and what the renewal changes."""

from __future__ import annotations

import pytest
from freshkey.core.keys import renewal
from freshkey.core.model.actions import LookUp, Renew
from freshkey.core.model.events import Renewed
from freshkey.core.model.faults import Fault, Operation, Trouble
from freshkey.core.model.grants import Renewal
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Call,
    Credential,
    Cycle,
    Idle,
    KeyState,
    Link,
    Reason,
    Wanted,
    Watch,
)
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import TOKEN, UNDER, lease, published
from tests.core.scripts import AWAY, FORBIDDEN, LIMITED

RENEW = Renew("billing", lease().id, 100.0, 1, TOKEN.secret)
LOOK_UP = LookUp("billing", lease().id, 1, TOKEN.secret)
WAITING = BackingOff(Reason.DUE, since=NOW - 9, until=NOW + 9, fault=LIMITED)
TROUBLE = Trouble(Operation.LOOK_UP_LEASE, AWAY, NOW - 9)


def current() -> Credential:
    return Credential(lease(), Secret("sk-3"))


def test_a_lease_is_renewed_for_its_first_duration() -> None:
    context = at(tokens=UNDER)
    key = published()
    assert renewal.plan(key, context) == replace(key, call=Call.RENEW)
    assert context.actions == [RENEW]


@pytest.mark.parametrize(
    ("key", "link", "tokens"),
    [
        pytest.param(published(call=Call.REVOKE), Link(), UNDER, id="another request"),
        pytest.param(published(), Link(away=True), UNDER, id="Vault is away"),
        pytest.param(published(), Link(), Tokens(), id="no token"),
        pytest.param(published(current=None), Link(), UNDER, id="no key"),
        pytest.param(published(lease(gone_at=NOW)), Link(), UNDER, id="it is gone"),
        pytest.param(published(lease(token=NO_TOKEN)), Link(), UNDER, id="an access token"),
    ],
)
def test_nothing_is_asked_of_vault(key: KeyState, link: Link, tokens: Tokens) -> None:
    context = at(tokens=tokens, link=link)
    key = replace(key, watch=Watch(check_at=NOW - 1))
    assert renewal.plan(key, context) == key
    assert not context.actions


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(published(compromised=True), id="compromised"),
        pytest.param(published(watch=Watch(stale=True)), id="it has ended"),
        pytest.param(published(lease(renewable=False)), id="it can't be"),
        pytest.param(published(watch=Watch(renew_at=NOW + 5)), id="it failed a moment ago"),
        pytest.param(published(lease(expires_at=NOW + 90)), id="its point is not there"),
    ],
)
def test_a_lease_that_is_not_renewed_is_looked_up(key: KeyState) -> None:
    context = at(tokens=UNDER)
    assert renewal.plan(key, context) == key
    key = replace(key, watch=replace(key.watch, check_at=NOW))
    assert renewal.plan(key, context) == replace(key, call=Call.LOOKUP)
    assert context.actions == [LOOK_UP]


@pytest.mark.parametrize(
    ("granted", "again", "renewable", "cycle"),
    [
        pytest.param(90.0, True, True, Idle(), id="nine tenths are all"),
        pytest.param(90.0, False, False, Idle(), id="the last time"),
        pytest.param(89.9, True, False, Wanted(Reason.DUE), id="less: it is replaced"),
    ],
)
def test_a_renewed_lease(
    granted: float,
    again: bool,
    renewable: bool,
    cycle: Cycle,
) -> None:
    context = at()
    watch = Watch(renew_failures=3, renew_at=NOW - 1, stale=True, check_at=NOW + 7)
    key = published(watch=watch, trouble=Trouble(Operation.RENEW_LEASE, AWAY, NOW - 9))
    event = Renewed(RENEW, Renewal(granted, again, NOW - 1, "r-1"))
    held = lease(started_at=NOW - 1, expires_at=NOW - 1 + granted, renewable=renewable)
    assert renewal.on_renewed(key, current(), event, context) == published(
        held,
        confirmed=True,
        watch=Watch(renew_at=NOW + 1, check_at=NOW + 7),
        cycle=cycle,
    )
    event_name, fields = told(context)[0]
    assert event_name == "key.renewed"
    assert fields["lease_id"] == held.id
    assert fields["duration"] == granted
    assert fields["expires_at"] == held.expires_at
    assert fields["request_id"] == "r-1"


def test_an_answer_that_a_machine_slept_through_changes_nothing() -> None:
    """What was due stays due, so Vault is asked again."""
    context = at(tokens=UNDER)
    key = published(watch=Watch(renew_at=NOW - 60, check_at=NOW - 60, claimed=True))
    answer = Renewal(39.0, renewable=True, asked_at=NOW - 39)
    assert renewal.on_renewed(key, current(), Renewed(RENEW, answer), context) == key
    assert renewal.on_alive(key, current(), answer, context) == key
    assert not context.actions
    assert renewal.plan(key, context).call is Call.RENEW


@pytest.mark.parametrize(
    ("fault", "cycle", "expected"),
    [
        pytest.param(AWAY, Idle(), Idle(), id="it is tried again"),
        pytest.param(FORBIDDEN, Idle(), Wanted(Reason.DUE), id="it is replaced"),
        pytest.param(FORBIDDEN, WAITING, WAITING, id="it can't be replaced either"),
    ],
)
def test_a_renewal_that_fails(fault: Fault, cycle: Cycle, expected: Cycle) -> None:
    context = at(tokens=UNDER)
    key = published(cycle=cycle, watch=Watch(renew_failures=3, stale=True), trouble=TROUBLE)
    base = 1 if fault is AWAY else 10
    wait = min(8 * base * context.chance.draw("billing", "renew"), 35)  # 5 s before the key's end
    assert wait > base
    trouble = Trouble(Operation.RENEW_LEASE, fault, NOW)
    after = renewal.on_renew_failed(key, current(), fault, context)
    assert after == replace(
        key,
        cycle=expected,
        watch=Watch(renew_failures=4, renew_at=NOW + wait, stale=True),
        trouble=TROUBLE if cycle is WAITING else trouble,
    )
    fields = {"key": "billing", "lease_id": lease().id, "fault": fault.kind.value}
    assert told(context)[0] == ("key.renewal_failed", {**fields, "message": fault.message})
