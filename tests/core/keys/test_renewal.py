"""Behaviour 2, renew or replace: what becomes of a lease."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LookUp, Publish, Renew, Revoke
from freshkey.core.model.events import RotateRequested, Woke
from freshkey.core.model.faults import Operation
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus
from freshkey.core.pacing.timing import renewal_time

from tests.core.scripts import (
    BAD_REQUEST,
    FORBIDDEN,
    LIMITED,
    LOST,
    THROTTLED,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def renewable(lease_max: float = 100_000, **terms: float) -> Vault:
    return Vault(renewable=True, lease_max=lease_max, **terms)  # type: ignore[arg-type]  # all of them are times


@pytest.mark.parametrize("seed", range(20))
def test_the_point_is_drawn_once_per_lease(seed: int) -> None:
    world = World(policy(renew_at=0.8, **QUIET), seed=seed).start().run(6 * 3600)
    points = gaps(world.mints)
    assert all(0.6 * 3600 <= point <= 0.8 * 3600 + 0.1 for point in points)
    assert len({round(point, 3) for point in points}) == len(points), "each has its own"
    assert world.steps < 100, "nothing is drawn, or done, in between"


def test_a_renewable_lease_is_renewed() -> None:
    world = World(policy(**QUIET), renewable()).start().run(12 * 3600)
    assert world.calls["Issue"] == 1
    assert 12 * 3600 / 2412 - 1 <= world.calls["Renew"] <= 24
    assert world.key().generation == 1
    asked = {order.increment for _, order in world.log if isinstance(order, Renew)}
    assert asked == {3600}, "its first duration"


def test_a_renewal_is_written_for_those_who_read_the_expiry() -> None:
    world = World(policy(**QUIET), renewable()).start().run(3000)
    publications = [o.publication for _, o in world.log if isinstance(o, Publish)]
    assert len(publications) == 2
    assert publications[0].tag == publications[1].tag
    assert publications[0].expires_at < publications[1].expires_at  # type: ignore[operator]  # each has an end


def test_a_clipped_renewal_leads_to_a_replacement() -> None:
    world = World(policy(**QUIET), renewable(lease_max=7200)).start()
    world.run_until(lambda: world.key().generation == 2, 7200)
    assert world.times(Issue)[1] == pytest.approx(world.times(Renew)[-1], abs=0.1)
    granted = [record["duration"] for record in world.logged("key.renewed")]
    assert granted[-1] < 0.9 * 3600
    assert all(duration >= 0.9 * 3600 for duration in granted[:-1])
    assert world.logged("key.published")[-1]["reason"] == "due"


def test_a_renewal_that_vault_refuses_leads_to_a_replacement() -> None:
    world = World(policy(**QUIET), renewable(), rules=(Rule((Renew,), BAD_REQUEST),))
    world.start().run_until(lambda: world.key().generation == 2, 3600)
    assert world.calls["Renew"] == 1
    assert world.holds()


def test_a_renewal_that_vault_puts_off_is_repeated() -> None:
    rules = (Rule((Renew,), THROTTLED, end=3200),)
    world = World(policy(**QUIET), renewable(), rules=rules).start().run(3599)
    first, *_, last = world.times(Renew)
    assert last > 3200
    assert world.calls["Renew"] < 3 + (3200 - first) / 20
    assert world.calls["Issue"] == 1
    assert world.fault() is None


def test_a_lease_that_could_not_be_renewed_in_time_is_replaced() -> None:
    rules = (Rule((Renew,), THROTTLED),)
    world = World(policy(**QUIET), renewable(), rules=rules).start()
    world.run_until(lambda: world.key().generation == 2, 3700)
    assert world.now == pytest.approx(4600, abs=1)
    assert world.holds()


def test_a_renewal_that_fails_is_told_until_one_works() -> None:
    """Lookups that find the lease alive meanwhile say nothing about it."""
    rules = (Rule((Renew,), THROTTLED, end=4300),)
    world = World(policy(check_every=60, probe_every=0), renewable(), rules=rules).start()
    world.run_until(lambda: world.calls["Renew"] > 0, 3000).run(1)
    for _ in range(30):
        assert (trouble := world.key().trouble) is not None
        assert trouble.operation is Operation.RENEW_LEASE
        world.run(10)
    world.run(4400 - world.now)
    assert world.key().trouble is None
    assert world.calls["Issue"] == 1


def test_a_lease_that_is_not_renewable_is_replaced() -> None:
    world = World(policy(**QUIET)).start().run(3600)
    assert world.calls["Renew"] == 0
    assert world.key().generation == 2


def test_a_tiny_lease_makes_no_spin() -> None:
    world = World(policy(budget=0, **QUIET), Vault(lease_ttl=0)).start().run(60)
    assert world.calls["Issue"] <= 61


def test_a_tiny_renewable_lease_makes_no_spin() -> None:
    world = World(policy(budget=0, **QUIET), renewable(lease_ttl=0.01)).start().run(60)
    assert world.calls["Renew"] + world.calls["Issue"] <= 125


def test_failed_mints_leave_the_old_key() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), LIMITED, start=1100),)).start().run(3000)
    assert world.key().generation == 1
    assert world.holds()
    assert world.logged("key.replacement_failed")


@pytest.mark.parametrize(
    ("rules", "forced_verdicts"),
    [
        ((Rule((Issue,), LIMITED, start=1010),), ()),
        ((Rule((Issue,), FORBIDDEN, start=1010),), ()),
        ((), (ForcedVerdict(Verdict.REFUSED, start=1010),)),
        ((), (ForcedVerdict(Verdict.UNKNOWN, start=1010),)),
    ],
    ids=["limited", "forbidden", "refused", "unknown"],
)
def test_a_lease_is_renewed_while_its_replacement_fails(
    rules: tuple[Rule, ...], forced_verdicts: tuple[ForcedVerdict, ...]
) -> None:
    """The good key is all that readers have, for as long as the replacement takes."""
    chosen = policy(verify=VerifyMode.REQUIRE, **QUIET)
    world = World(chosen, renewable(), rules=rules, forced_verdicts=forced_verdicts)
    world.start().run(10).send(RotateRequested("billing")).run(12 * 3600)
    assert world.key().generation == 1
    assert world.view().status is KeyStatus.FRESH
    assert world.holds()
    assert 12 * 3600 / 2412 - 1 <= world.calls["Renew"] <= 26
    world.rules = world.forced_verdicts = ()
    world.run_until(lambda: world.key().generation == 2, 3600)
    assert world.holds()


def test_a_lease_is_renewed_while_its_replacement_waits_for_the_budget() -> None:
    names = ("a", "b")
    world = World(policy(*names, budget=1, **QUIET), renewable(lease_ttl=60))
    world.start().run(90)
    assert all(map(world.holds, names))
    for name in names:
        world.send(RotateRequested(name))
    world.run(40)
    assert world.view("b").status is KeyStatus.FRESH
    assert world.key("b").generation == 1


def test_a_renewal_that_fails_hides_no_failed_replacement() -> None:
    rules = (Rule((Issue,), LIMITED, start=1010), Rule((Renew,), BAD_REQUEST, start=1010))
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1010),)
    world = (
        World(policy(**QUIET), renewable(), rules=rules, forced_verdicts=forced_verdicts)
        .start()
        .run(10)
    )
    world.send(RotateRequested("billing")).run(1)
    seen = set()
    world.step_hooks.append(lambda: seen.add(world.fault()))
    world.run(3590)
    assert 1 < world.calls["Renew"] < 40
    assert seen == {LIMITED}
    before = world.calls["Renew"]
    world.run(3600)
    assert world.view().status is KeyStatus.STALE
    assert world.calls["Renew"] == before, "a lease that has ended is renewed no more"


def test_a_compromised_lease_is_not_renewed() -> None:
    rules = (Rule((Issue,), LIMITED, start=1010),)
    world = World(policy(**QUIET), renewable(), rules=rules).start().run(10)
    world.send(RotateRequested("billing", compromised=True)).run(3601)
    assert world.calls["Renew"] == 0
    assert world.alive() == 0


def test_a_lease_whose_renewal_was_not_answered_is_not_forgotten_too_soon() -> None:
    """Vault prolonged it; the agent knows only that it may have."""
    rules = (Rule((Renew,), LOST, end=1500, acts=True), Rule((Revoke,), LIMITED, end=1700))
    world = World(policy(**QUIET), renewable(lease_ttl=600), rules=rules).start().run(500)
    world.send(RotateRequested("billing", compromised=True)).run(150)
    (retired,) = world.key().retired
    assert world.now > retired.lease.expires_at
    assert world.alive() == 2
    world.run_until(lambda: world.alive() == 1, 330)
    assert world.alive() == 1


def look_at(world: World, at: float) -> None:
    """Have the next lookup of the lease due then."""
    watch = replace(world.key().watch, check_at=at)
    world.state = replace(world.state, keys=(replace(world.key(), watch=watch),))
    world.send(Woke())


@pytest.mark.parametrize(("before", "lookups"), [(0.9, 0), (1.0, 1), (1.1, 1), (0.0, 0)])
def test_no_lookup_keeps_a_mint_waiting_that_is_due_within_a_second(
    before: float, lookups: int
) -> None:
    world = World(policy(**QUIET)).start().run(10)
    due = renewal_time(world.lease(), world.policy.keys["billing"])
    look_at(world, due - before)
    world.run(due - world.now + 0.005)
    assert world.calls["LookUp"] == lookups
    assert world.calls["Issue"] == 2


def test_a_lookup_that_is_due_before_a_renewal_is_made() -> None:
    world = World(policy(**QUIET), renewable()).start().run(10)
    due = renewal_time(world.lease(), world.policy.keys["billing"])
    look_at(world, due - 0.5)
    world.run(due - world.now - 0.4)
    assert world.times(LookUp) == pytest.approx([due - 0.5], abs=0.01)
