"""Behaviour 1: what a publish changes, and what a withdrawal does."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.keys.publishing import (
    on_published,
    publication,
    publish,
    withdraw,
    write,
)
from freshkey.core.model.actions import Level, Publish
from freshkey.core.model.events import Published
from freshkey.core.model.faults import Operation, Trouble
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Credential, Idle, Names, Reason, Retired, Wanted, Watch
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens

from tests.core.contexts import context_of, ordered, records
from tests.core.scripts import FORBIDDEN, FULL_DISK, policy
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState, Lease
    from freshkey.core.pacing.context import StepContext

NEXT = Secret("sk-next")


def running(**options: Any) -> World:  # noqa: ANN401 - KeyPolicy's
    return World(policy(**{"check_every": 60, "probe_every": 300, **options})).start().run(10)


def next_lease(world: World, **changed: Any) -> Lease:  # noqa: ANN401 - Lease's
    changed = {"id": "next", "started_at": world.now, "expires_at": world.now + 3600, **changed}
    return replace(world.lease(), **changed)


def published(world: World, key: KeyState, context: StepContext, **changed: Any) -> KeyState:  # noqa: ANN401 - Lease's
    credential = Credential(next_lease(world, **changed), NEXT)
    return publish(key, credential, Reason.DUE, context)


def answered(world: World, key: KeyState, context: StepContext, *, written: bool) -> KeyState:
    """The key after its files were written, or one could not be."""
    shown = publication(key, world.state.tokens)
    assert shown is not None
    faults = () if written else (FULL_DISK,)
    return on_published(key, Published(Publish(key.name, shown), faults), context)


def test_nothing_of_the_key_before_is_left_after_a_publish() -> None:
    world = running()
    context = context_of(world)
    before = replace(
        world.key(),
        trouble=Trouble(Operation.MINT, FORBIDDEN, 1.0),
        withdrawn=True,
        compromised=True,
        outdated=True,
        barred="0123abcd",
        confirmed=False,
        rewrite_at=5.0,
        failures=3,
        cycle=Wanted(Reason.DUE),
        watch=Watch(refusals=2, claimed=True, stale=True, probed_at=5.0, claim_minted_at=6.0),
    )
    after = published(world, before, context)
    fresh = replace(world.key(), generation=2, current=after.current, published_at=world.now)
    assert after.watch.check_at == pytest.approx(world.now + 60, abs=12)
    assert after == replace(
        fresh,
        reason=Reason.DUE,
        withdrawn=False,
        compromised=False,
        outdated=False,
        failures=0,
        cycle=Idle(),
        confirmed=True,
        publishing=True,
        rewrite_at=inf,
        written_until=world.now + 3600,
        retired=after.retired,
        watch=Watch(
            check_at=after.watch.check_at,
            probe_at=world.now + 300,
            probed_at=5.0,
            claim_minted_at=6.0,
        ),
    )
    assert ordered(context) == ["Publish"]


def test_a_key_that_is_never_probed_is_not_probed_after_a_publish() -> None:
    world = running(probe_every=0)
    assert published(world, world.key(), context_of(world)).watch.probe_at == inf


@pytest.mark.parametrize(("lag", "at_once"), [(5.5, True), (4.5, False)])
def test_a_lease_whose_answer_took_long_is_looked_up_at_once(lag: float, *, at_once: bool) -> None:
    world = running()
    after = published(world, world.key(), context_of(world), lag=lag)
    assert (after.watch.check_at == world.now) is at_once


def test_an_overlap_under_way_ends_when_the_next_key_is_published() -> None:
    """It began late, when the files of the last key could be written."""
    world = running()
    old = Retired(next_lease(world, id="old"), world.now + 100)
    after = published(world, replace(world.key(), retired=(old,)), context_of(world))
    assert [entry.revoke_at for entry in after.retired] == [world.now, inf]


def test_a_publish_is_told_once_with_the_end_of_the_key() -> None:
    world = running()
    context = context_of(world)
    key = published(world, world.key(), context)
    failed = answered(world, key, context, written=False)
    (record,) = records(context, "key.published")
    fields = dict(record.fields)
    assert (fields["generation"], fields["reason"]) == (2, "due")
    assert (fields["expires_in"], fields["expires_at"]) == (3600, world.now + 3600)
    assert answered(world, failed, context, written=True).announced == 2
    assert len(records(context, "key.published")) == 1


def test_a_secret_without_a_lease_is_told_of_without_an_end() -> None:
    world = running()
    context = context_of(world)
    key = published(world, world.key(), context, token=0, expires_at=inf)
    answered(world, key, context, written=True)
    fields = dict(records(context, "key.published")[0].fields)
    assert (fields["expires_in"], fields["expires_at"]) == (None, None)


def test_an_overlap_begins_when_every_file_is_written() -> None:
    world = running(overlap=200)
    context = context_of(world)
    key = published(world, world.key(), context)
    failed = answered(world, key, context, written=False)
    assert [entry.revoke_at for entry in failed.retired] == [inf]
    written = answered(world, failed, context, written=True)
    assert [entry.revoke_at for entry in written.retired] == [world.now + 200]
    assert not written.publishing


def test_a_compromised_key_waits_for_no_file() -> None:
    world = running()
    context = context_of(world)
    key = published(world, replace(world.key(), compromised=True), context)
    failed = answered(world, key, context, written=False)
    assert [entry.revoke_at for entry in failed.retired] == [world.now]


def test_a_withdrawal_takes_everything_from_readers() -> None:
    world = running(overlap=200)
    context = context_of(world)
    waiting = Retired(next_lease(world, id="old"), inf)
    watch = Watch(claimed=True, refusals=1, stale=True, probed_at=5.0, claim_minted_at=6.0)
    before = replace(world.key(), retired=(waiting,), write_failures=3, watch=watch)
    after = withdraw(replace(write(before, context), rewrite_at=5.0), "refused", context)
    assert ordered(context) == ["Withdraw"], "the publish of the same step is taken back"
    (record,) = records(context, "key.withdrawn")
    assert (record.level, dict(record.fields)["why"]) == (Level.WARNING, "refused")
    assert (after.current, after.withdrawn, after.publishing) == (None, True, False)
    assert (after.rewrite_at, after.write_failures) == (inf, 0)
    assert after.watch == Watch(probed_at=5.0, claim_minted_at=6.0)
    ends = {entry.lease.id: entry.revoke_at for entry in after.retired}
    assert ends == {"old": world.now + 200, world.lease().id: world.now}


def test_an_access_token_that_is_withdrawn_is_told_to_live_on() -> None:
    world = running()
    context = context_of(world)
    credential = Credential(next_lease(world, token=0), NEXT)
    withdraw(replace(world.key(), current=credential), "requested", context)
    assert [record.level for record in records(context, "lease.left")] == [Level.WARNING]


def test_a_withdrawn_key_is_not_withdrawn_again() -> None:
    world = running()
    context = context_of(world)
    gone = replace(world.key(), current=None, withdrawn=True)
    assert withdraw(gone, "refused", context) == gone
    assert context.actions == []


@pytest.mark.parametrize(
    ("token", "expires_at", "end", "account"),
    [(1, 2000.0, 2000.0, None), (0, 2000.0, 2000.0, "svc"), (0, inf, None, None)],
    ids=["lease", "access token", "kept secret"],
)
def test_readers_see_the_end_and_the_account_where_there_is_one(
    token: int, expires_at: float, end: float | None, account: str | None
) -> None:
    world = running()
    names = Names("2-x", "key_1", "svc")
    lease = next_lease(world, token=token, expires_at=expires_at, names=names)
    key = replace(world.key(), current=Credential(lease, NEXT), generation=2)
    shown = publication(key, world.state.tokens)
    assert shown is not None
    assert (shown.expires_at, shown.api_key_id, shown.account) == (end, "key_1", account)
    assert (shown.generation, shown.secret) == (2, NEXT)
    assert publication(replace(key, current=None), Tokens()) is None
