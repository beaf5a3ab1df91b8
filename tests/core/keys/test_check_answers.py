"""What Vault's word on the published lease changes, and what a reader's claim does."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from freshkey.core.keys import renewal
from freshkey.core.model.actions import Publish
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.grants import Renewal
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import BackingOff, Credential, KeyState, Reason, Wanted, Watch
from freshkey.core.model.struct import replace

from tests.core.contexts import NOW, at, told
from tests.core.keys.held import UNDER, lease, published
from tests.core.scripts import AWAY, FORBIDDEN, LIMITED

WAITING = BackingOff(Reason.DUE, since=NOW - 9, until=NOW + 9, fault=LIMITED)
TROUBLE = Trouble(Operation.LOOK_UP_LEASE, AWAY, NOW - 9)


def current() -> Credential:
    return Credential(lease(), Secret("sk-3"))


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(42.0, 40.0, id="two seconds are nothing"),
        pytest.param(38.0, 40.0, id="nor fewer"),
        pytest.param(42.5, 42.5, id="later"),
        pytest.param(37.5, 37.5, id="earlier"),
    ],
)
def test_a_lease_that_lives_ends_when_vault_says(left: float, expected: float) -> None:
    context = at(tokens=UNDER)
    watch = Watch(check_failures=3, check_at=inf, stale=True)
    key = published(watch=watch, trouble=TROUBLE, rewrite_at=NOW + 5)
    answer = Renewal(left + 1, renewable=True, asked_at=NOW - 1)
    check_at = NOW + 60 * (0.8 + 0.4 * context.chance.draw("billing", "check"))
    end = NOW + expected
    assert renewal.on_alive(key, current(), answer, context) == published(
        lease(expires_at=end),
        confirmed=True,
        watch=Watch(check_at=check_at, stale=True),
        publishing=True,
        written_until=end,
    )
    (publish,) = (action for action in context.actions if isinstance(action, Publish))
    assert publish.publication.expires_at == end
    fields = {"key": "billing", "lease_id": lease().id, "expires_in": round(expected)}
    assert told(context) == ([("lease.corrected", fields)] if expected != 40 else [])


def test_a_report_that_openai_could_not_judge_is_believed_when_the_lease_lives() -> None:
    key = published(watch=Watch(claimed=True))
    answer = Renewal(40.0, renewable=True, asked_at=NOW)
    after = renewal.on_alive(key, current(), answer, at(tokens=UNDER))
    assert after.cycle == Wanted(Reason.REPORTED)


def test_a_lease_that_is_gone_is_replaced() -> None:
    context = at()
    watch = Watch(check_at=NOW + 7, claimed=True, stale=True)
    gone = lease(gone_at=NOW)
    after = renewal.on_gone(published(watch=watch), current(), context)
    assert after == published(gone, cycle=Wanted(Reason.REVOKED), watch=Watch(stale=True))
    assert told(context)[0][0] == "lease.gone"
    assert told(context)[0][1]["lease_id"] == gone.id


@pytest.mark.parametrize(("failures", "news"), [(0, ["lease.check_failed"]), (1, []), (4, [])])
def test_a_check_that_fails_is_told_of_once(failures: int, news: list[str]) -> None:
    context = at(tokens=UNDER)
    key = published(watch=Watch(check_at=inf, check_failures=failures, stale=True))
    wait = min(10 * 2**failures * context.chance.draw("billing", "check"), 35)  # 5 s before its end
    assert wait > 1
    after = renewal.on_check_failed(key, lease().id, FORBIDDEN, context)
    assert after == replace(
        key,
        watch=Watch(check_at=NOW + wait, check_failures=failures + 1, stale=True),
        trouble=Trouble(Operation.LOOK_UP_LEASE, FORBIDDEN, NOW),
    )
    assert [event for event, _ in told(context)] == news
    for _, fields in told(context):
        expected = {"key": "billing", "fault": "forbidden", "message": FORBIDDEN.message}
        assert fields == expected


def test_another_check_follows_before_the_end_of_the_key() -> None:
    context = at(now=NOW + 33, tokens=UNDER)
    key = published(watch=Watch(check_at=inf, check_failures=9))
    after = renewal.on_check_failed(key, lease().id, AWAY, context)
    assert after.watch.check_at == NOW + 35


@pytest.mark.parametrize("key", [published(current=None), published(lease(2))])
def test_a_check_that_fails_says_nothing_of_another_lease(key: KeyState) -> None:
    context = at()
    assert renewal.on_check_failed(key, lease().id, AWAY, context) == key
    assert not context.actions


@pytest.mark.parametrize(
    ("operation", "changes", "stays"),
    [
        (Operation.MINT, {}, False),
        (Operation.REVOKE_LEASE, {}, True),
        (Operation.RENEW_LEASE, {}, False),
        (Operation.RENEW_LEASE, {"watch": Watch(renew_failures=1)}, True),
        (Operation.LOOK_UP_LEASE, {"watch": Watch(renew_failures=1)}, False),
        (Operation.MINT, {"cycle": WAITING}, True),
        (Operation.PUBLISH, {"write_failures": 1}, True),
    ],
)
def test_which_fault_is_mended_once_vault_answers(
    operation: Operation,
    changes: dict[str, Any],
    stays: bool,
) -> None:
    key = published(trouble=Trouble(operation, FORBIDDEN, NOW - 9), **changes)
    assert renewal.clear_trouble(key) == (key if stays else replace(key, trouble=None))
    assert renewal.clear_trouble(replace(key, trouble=None)).trouble is None


@pytest.mark.parametrize(("ago", "mints"), [(600.0, True), (599.9, False), (inf, True)])
def test_a_reader_alone_costs_one_mint_in_ten_minutes(
    ago: float,
    mints: bool,
) -> None:
    before = published(watch=Watch(claimed=True, claim_minted_at=NOW - ago))
    after = renewal.act_on_report(before, at())
    if mints:
        watch = Watch(claim_minted_at=NOW)
        assert after == published(watch=watch, cycle=Wanted(Reason.REPORTED))
    else:
        assert after == published(watch=replace(before.watch, claimed=False))


def test_nothing_was_reported() -> None:
    assert renewal.act_on_report(published(), at()) == published()
