"""What becomes of a lease that is no longer the published one, step by step."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.keys import revocation
from freshkey.core.model.actions import Level, LookUp, Record, Revoke
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.state import NO_TOKEN, Call, KeyState, Lease, Link, Retired
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens

from tests.core.contexts import NOW, at, token, told
from tests.core.keys.held import lease, published
from tests.core.scripts import FORBIDDEN, policy

UNDER = Tokens(token())
WAITING = Retired(lease(1), inf)  # for its successor to be out everywhere
OVERLAP = Retired(lease(2), NOW + 30)
DUE = Retired(lease(4), NOW)
FAILED = Retired(lease(5), NOW + 9, failures=2)
HURRIED = Retired(lease(6), inf, hurried=True)
EVERY = (WAITING, OVERLAP, DUE, FAILED, HURRIED)
ACCESS = lease(7, token=NO_TOKEN)
KEY = published(retired=EVERY)


def ended(*entries: Retired) -> KeyState:
    """The key, with these to be revoked now."""
    return replace(
        KEY, retired=tuple(replace(e, revoke_at=NOW) if e in entries else e for e in EVERY)
    )


@pytest.mark.parametrize("held", [lease(8, gone_at=NOW), ACCESS])
def test_what_vault_knows_nothing_of_is_not_retired(held: Lease) -> None:
    assert revocation.retire(KEY, held, NOW) == KEY
    assert revocation.supersede(KEY, held, at()) == KEY


def test_a_retired_lease_comes_last() -> None:
    assert revocation.retire(KEY, lease(8), NOW + 5).retired == (*EVERY, Retired(lease(8), NOW + 5))


@pytest.mark.parametrize("compromised", [False, True])
def test_a_superseded_lease_waits_and_those_that_waited_go(
    compromised: bool,
) -> None:
    key = replace(KEY, compromised=compromised)
    after = revocation.supersede(key, lease(8), at())
    last = Retired(lease(8), inf, hurried=compromised)
    assert after.retired == (*ended(WAITING, HURRIED).retired, last)


@pytest.mark.parametrize(("compromised", "level"), [(False, Level.INFO), (True, Level.WARNING)])
def test_a_superseded_access_token_is_told_of(
    compromised: bool,
    level: Level,
) -> None:
    context = at()
    revocation.supersede(replace(KEY, compromised=compromised), ACCESS, context)
    (record,) = context.actions
    assert isinstance(record, Record)
    assert (record.level, record.event, record.audit) == (level, "lease.left", True)
    assert dict(record.fields)["expires_at"] == ACCESS.expires_at
    assert dict(record.fields)["tag"] == ACCESS.names.tag
    assert "disable the federation rule" in str(dict(record.fields)["message"])


def test_only_a_living_access_token_is_left() -> None:
    assert revocation.left("billing", lease(), NOW, Level.INFO) == ()
    assert revocation.left("billing", ACCESS, ACCESS.expires_at, Level.INFO) == ()
    assert len(revocation.left("billing", ACCESS, ACCESS.expires_at - 1, Level.INFO)) == 1


def test_overlaps_end_and_backoffs_do_not() -> None:
    assert revocation.end_overlaps(KEY, at()) == ended(OVERLAP)


def test_what_is_compromised_goes_before_files_are_written() -> None:
    assert revocation.end_hurried(KEY, at()) == ended(HURRIED)
    hurried = replace(KEY, retired=(replace(HURRIED, revoke_at=NOW + 9),))
    assert revocation.end_hurried(hurried, at()) == hurried


@pytest.mark.parametrize(("overlap", "until"), [(30, NOW + 30), (300, NOW + 40)])
def test_an_overlap_ends_with_the_lease(overlap: float, until: float) -> None:
    after = revocation.start_overlaps(KEY, at(chosen=policy(overlap=overlap)))
    assert after == replace(
        KEY,
        retired=(
            replace(WAITING, revoke_at=until),
            OVERLAP,
            DUE,
            FAILED,
            replace(HURRIED, revoke_at=NOW),
        ),
    )


def test_a_lease_that_had_ended_when_its_successor_came_out_had_no_overlap() -> None:
    past = Retired(lease(1, expires_at=NOW - 5), inf)
    (entry,) = revocation.start_overlaps(published(retired=(past,)), at()).retired
    assert entry.revoke_at == NOW - 5


def test_the_next_revocation_is_of_the_first_that_is_due() -> None:
    context = at()
    assert revocation.due_entry(KEY, context) == DUE
    assert revocation.due_entry(replace(KEY, retired=(OVERLAP, FAILED)), context) is None
    assert context.wake_at == NOW + 9


@pytest.mark.parametrize(
    ("held", "end"),
    [
        pytest.param(lease(1, renewable=False), NOW + 40, id="at its end"),
        pytest.param(lease(1), NOW + 140, id="its last renewal may have had no answer"),
        pytest.param(lease(1, renewable=False, lag=7.0), NOW + 47, id="its own answer was late"),
    ],
)
def test_a_lease_is_forgotten_once_it_has_ended_for_certain(held: Lease, end: float) -> None:
    other = Retired(lease(2, expires_at=NOW + 900), NOW + 30)
    key = published(retired=(Retired(held, inf), other))
    assert revocation.forget_ended(key, at(end - 0.5)) == key
    context = at(end)
    assert revocation.forget_ended(key, context) == published(retired=(other,))
    ((event, fields),) = told(context)
    assert (event, fields["lease_id"], fields["tag"]) == ("lease.ended", held.id, held.names.tag)


def test_a_revocation_is_under_way_once_it_is_ordered() -> None:
    context = at(tokens=UNDER)
    assert revocation.plan(KEY, context) == replace(KEY, call=Call.REVOKE)
    assert context.actions == [Revoke("billing", lease(4).id, 1, token().secret)]


def test_a_doubtful_lease_is_looked_up_first() -> None:
    context = at(tokens=UNDER)
    key = published(retired=(OVERLAP, replace(DUE, uncertain=True)))
    assert revocation.plan(key, context) == replace(key, call=Call.LOOKUP)
    assert context.actions == [LookUp("billing", lease(4).id, 1, token().secret)]


@pytest.mark.parametrize(
    ("key", "link", "tokens"),
    [
        pytest.param(replace(KEY, call=Call.RENEW), Link(), UNDER, id="another request"),
        pytest.param(KEY, Link(away=True), UNDER, id="Vault is away"),
        pytest.param(KEY, Link(), Tokens(), id="no token"),
        pytest.param(published(retired=(OVERLAP,)), Link(), UNDER, id="nothing is due"),
    ],
)
def test_nothing_is_revoked(key: KeyState, link: Link, tokens: Tokens) -> None:
    context = at(tokens=tokens, link=link)
    assert revocation.plan(key, context) == key
    assert not context.actions


def test_a_lease_that_has_ended_is_not_revoked() -> None:
    context = at(tokens=UNDER)
    past = Retired(lease(1, renewable=False, expires_at=NOW), NOW - 5)
    assert revocation.plan(published(retired=(past,)), context) == published()
    assert [event for event, _ in told(context)] == ["lease.ended"]
    assert len(context.actions) == 1


def test_whose_answer_it_is() -> None:
    key = published(retired=(OVERLAP, replace(DUE, uncertain=True)))
    assert [revocation.is_retired(key, lease(n).id) for n in (2, 3, 4)] == [True, False, True]
    assert [revocation.is_doubtful(key, lease(n).id) for n in (2, 3, 4)] == [False, False, True]


def test_a_revoked_lease_is_done_with() -> None:
    context = at()
    after = revocation.on_gone(KEY, lease(4).id, "lease.revoked", context, "c-1")
    assert after == replace(KEY, retired=(WAITING, OVERLAP, FAILED, HURRIED))
    ((event, fields),) = told(context)
    assert (event, fields["lease_id"]) == ("lease.revoked", lease(4).id)
    assert (fields["correlation_id"], fields["tag"]) == ("c-1", lease(4).names.tag)


@pytest.mark.parametrize(
    ("operation", "others", "stays"),
    [
        (Operation.REVOKE_LEASE, (), False),
        (Operation.REVOKE_LEASE, (OVERLAP,), False),
        (Operation.REVOKE_LEASE, (OVERLAP, FAILED), True),
        (Operation.MINT, (), True),
    ],
)
def test_the_fault_of_revocations_is_mended_with_the_last_that_failed(
    operation: Operation,
    others: tuple[Retired, ...],
    stays: bool,
) -> None:
    trouble = Trouble(operation, FORBIDDEN, NOW - 9)
    key = published(retired=(replace(DUE, failures=1), *others), trouble=trouble)
    after = revocation.on_gone(key, lease(4).id, "lease.revoked", at())
    assert after == published(retired=others, trouble=trouble if stays else None)


@pytest.mark.parametrize(
    ("entry", "expected"), [(OVERLAP, 0), (DUE, 1), (replace(FAILED, failures=1), 1), (WAITING, 0)]
)
def test_how_many_revocations_are_pending(entry: Retired, expected: int) -> None:
    assert revocation.pending(published(retired=(entry,)), NOW) == expected


def test_a_doubtful_lease_that_lives_is_revoked_after_all() -> None:
    doubtful = replace(FAILED, uncertain=True)
    key = published(retired=(OVERLAP, doubtful, replace(DUE, uncertain=True)))
    after = revocation.on_alive(key, lease(5).id)
    assert after == replace(key, retired=(OVERLAP, FAILED, key.retired[2]))
