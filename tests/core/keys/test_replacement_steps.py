"""What one step of a replacement changes, field by field."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.keys import replacement
from freshkey.core.model.actions import Issue, Refresh
from freshkey.core.model.events import Issued, Refreshed
from freshkey.core.model.grants import Grant
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import (
    NO_TOKEN,
    BackingOff,
    Call,
    Credential,
    Cycle,
    Idle,
    KeyState,
    Lease,
    Minting,
    Names,
    Reason,
    Refreshing,
    Retired,
    Stopping,
    Wanted,
    Watch,
)
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import TOKEN, UNDER, lease, published
from tests.core.scripts import LIMITED, policy

SECRET = Secret("sk-4")
ISSUE = Issue("billing", 1, TOKEN.secret)
MINTING = Minting(Reason.DUE, 1, NOW - 1)
OLD = Retired(lease(2), NOW + 60)
GRANT = Grant(
    "openai/creds/billing/4",
    100.0,
    renewable=True,
    secret=SECRET,
    asked_at=NOW - 1,
    api_key_id="key_4",
    service_account="svc-4",
    request_id="r-1",
)


def given(generation: int = 4) -> Credential:
    """The key that Vault has minted a second ago."""
    names = Names(f"{generation}-{SECRET.fingerprint}", "key_4", "svc-4")
    held = Lease(
        *("openai/creds/billing/4", 1, 100.0, True, NOW - 1, NOW + 99),
        draw=at().chance.draw("billing", "point"),
        lag=1.0,
        names=names,
    )
    return Credential(held, SECRET)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (published(), 40.0),
        (published(lease(gone_at=NOW - 5)), -5.0),
        (published(current=None), 0.0),
        (published(watch=Watch(refusals=1)), 0.0),
    ],
)
def test_how_long_a_key_is_still_good(key: KeyState, expected: float) -> None:
    assert replacement.remaining(key, at(tokens=UNDER)) == expected


def test_the_key_that_ends_first_counts_as_long_as_it_is_good() -> None:
    ends = (NOW - 1, NOW, NOW + 0.5, NOW + 9)
    keys = [published(lease(expires_at=end)) for end in ends]
    assert replacement.least_remaining(keys, at(tokens=UNDER)) == 0.5


def test_a_wanted_replacement_ends_the_overlap_before() -> None:
    context = at()
    key = published(retired=(OLD,))
    assert replacement.want(key, Reason.REFUSED, context) == replace(
        key, cycle=Wanted(Reason.REFUSED), retired=(replace(OLD, revoke_at=NOW),)
    )
    fields = {"key": "billing", "reason": "refused"}
    assert told(context) == [("key.replacement_wanted", fields)]


def test_a_replacement_that_is_under_way_serves() -> None:
    context = at()
    key = published(cycle=MINTING, retired=(OLD,))
    assert replacement.want(key, Reason.REFUSED, context) == key
    assert not context.actions


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param(lease(renewable=False), Wanted(Reason.DUE), id="its point has come"),
        pytest.param(lease(gone_at=NOW), Wanted(Reason.REVOKED), id="it is gone"),
        pytest.param(lease(), Idle(), id="it is renewed"),
        pytest.param(lease(renewable=False, expires_at=NOW + 90), Idle(), id="not yet"),
    ],
)
def test_what_is_due_is_replaced(held: Lease, expected: Cycle) -> None:
    context = at(tokens=UNDER)
    assert replacement.plan(published(held), context) == published(held, cycle=expected)
    assert [event for event, _ in told(context)] == (
        ["key.replacement_wanted"] if expected != Idle() else []
    )


def test_a_secret_without_a_lease_is_read_again_in_silence() -> None:
    context = at(tokens=UNDER)
    static = lease(token=NO_TOKEN, expires_at=inf, started_at=NOW - 400)
    key = published(static, retired=(OLD,))
    assert replacement.plan(key, context) == replace(key, cycle=Wanted(Reason.DUE))
    assert not context.actions


@pytest.mark.parametrize("cycle", [Wanted(Reason.DUE), MINTING, Refreshing(Reason.DUE)])
def test_what_waits_for_something_else_stays(cycle: Cycle) -> None:
    key = published(lease(gone_at=NOW), cycle=cycle)
    assert replacement.plan(key, at(tokens=UNDER)) == key


def test_without_a_key_nothing_is_due() -> None:
    assert replacement.plan(published(current=None), at()) == published(current=None)


def waiting(until: float, *, since: float = NOW - 60) -> KeyState:
    """A key whose replacement has failed twice."""
    cycle = BackingOff(Reason.DUE, since, until, LIMITED)
    return published(cycle=cycle, failures=2, retired=(OLD,))


@pytest.mark.parametrize(
    ("key", "due"),
    [
        pytest.param(waiting(NOW), True, id="after the wait"),
        pytest.param(waiting(NOW + 1), False, id="not before"),
        pytest.param(
            waiting(NOW + 900, since=NOW - 80), False, id="however long, while the key is good"
        ),
        pytest.param(
            replace(waiting(NOW + 900, since=NOW - 80), watch=Watch(refusals=1)),
            True,
            id="sooner, once the key is good no more",
        ),
        pytest.param(
            replace(waiting(NOW + 900, since=NOW - 79.9), watch=Watch(refusals=1)),
            False,
            id="though after a wait, too",
        ),
        pytest.param(
            replace(waiting(NOW, since=NOW - 10), watch=Watch(refusals=1)),
            True,
            id="which is no longer than it was",
        ),
    ],
)
def test_a_replacement_that_failed_is_tried_again(
    key: KeyState,
    due: bool,
) -> None:
    again = replace(key, cycle=Wanted(Reason.DUE), retired=(replace(OLD, revoke_at=NOW),))
    assert replacement.plan(key, at(tokens=UNDER)) == (again if due else key)


def test_the_intent_of_a_mint_is_kept() -> None:
    context = at()
    key = published(cycle=Wanted(Reason.DUE))
    after = replacement.mint(key, Wanted(Reason.DUE), TOKEN, context, in_budget=True)
    assert after == replace(key, cycle=Minting(Reason.DUE, 1, NOW), call=Call.MINT)
    assert context.actions[-1] == ISSUE
    ((event, fields),) = told(context)
    assert (event, fields["key"], fields["reason"]) == ("key.mint_intended", "billing", "due")


def test_a_mint_over_the_budget_waits_and_is_told_of_once() -> None:
    context = at()
    key = published(cycle=Wanted(Reason.DUE))
    waits = replacement.mint(key, Wanted(Reason.DUE), TOKEN, context, in_budget=False)
    over = Wanted(Reason.DUE, over_budget=True)
    assert waits == replace(key, cycle=over)
    assert told(context) == [("mint.over_budget", {"key": "billing", "reason": "due"})]
    assert replacement.mint(waits, over, TOKEN, context, in_budget=False) == waits
    assert len(told(context)) == 1


def test_a_minted_key_is_tested() -> None:
    context = at()
    key = published(cycle=MINTING)
    testing = BeingTested(Reason.DUE, given(), since=NOW, retry_at=NOW)
    after = replacement.on_issued(key, Issued(ISSUE, GRANT), context)
    assert after == replace(key, cycle=testing)
    ((event, fields),) = told(context)
    assert event == "key.minted"
    names = {"key": "billing", "tag": given().lease.names.tag, "lease_id": given().lease.id}
    ids = {"api_key_id": "key_4", "service_account": "svc-4", "request_id": "r-1"}
    assert fields == {**names, **ids, "duration": 100.0, "expires_at": NOW + 99}


def test_a_secret_that_has_got_a_lease_is_tested_like_a_minted_key() -> None:
    key = published(cycle=Refreshing(Reason.DUE))
    event = Refreshed(Refresh("billing", 1, TOKEN.secret), GRANT)
    after = replacement.on_issued(key, event, at())
    assert after.cycle == BeingTested(Reason.DUE, given(), since=NOW, retry_at=NOW)


def test_a_minted_key_that_nobody_waits_for_is_revoked() -> None:
    after = replacement.on_issued(published(), Issued(ISSUE, GRANT), at())
    assert after == published(retired=(Retired(given().lease, NOW),))


def test_a_key_is_published_untested_only_where_nothing_is_tested() -> None:
    key = published(cycle=MINTING)
    off = policy(verify=VerifyMode.OFF)
    after = replacement.try_out(key, given(), Reason.DUE, at(chosen=off))
    assert (after.generation, after.current, after.cycle) == (4, given(), Idle())
    stopping = at(chosen=off, stopping=Stopping(NOW + 20))
    after = replacement.try_out(key, given(), Reason.DUE, stopping)
    assert after.cycle == BeingTested(Reason.DUE, given(), since=NOW, retry_at=NOW)
