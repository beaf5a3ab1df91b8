"""Behaviour 7: what becomes of a key past its expiry."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import (
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Order,
    Ping,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
)
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import AWAY, LIMITED, ForcedVerdict, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault

CALLS: tuple[type[Order], ...] = (
    *(Issue, Renew, LookUp, Revoke),
    *(LogIn, RenewToken, LookUpToken, RevokeToken),
)
QUIET = {"check_every": 0, "probe_every": 0}
TEN = tuple(f"key-{number}" for number in range(10))


def outage(start: float, end: float, fault: Fault = AWAY) -> Rule:
    return Rule((*CALLS, Ping), fault, 1000 + start, 1000 + end)


@pytest.mark.parametrize("mode", [VerifyMode.REQUIRE, VerifyMode.PREFER])
def test_a_stale_key_is_withdrawn_when_two_probes_are_refused(mode: VerifyMode) -> None:
    world = World(policy(verify=mode, **QUIET), rules=(outage(10, 90_000),)).start().run(3598)
    assert world.file_keys
    world.run(4)
    assert not world.file_keys
    assert world.view().status is KeyStatus.WITHDRAWN
    probes = [at for at in world.times(Probe) if at > ends_at_first(world) - 1]
    assert gaps(probes) == [pytest.approx(1, abs=0.1)]
    (record,) = world.logged("key.withdrawn")
    assert record["why"] == "refused"


def ends_at_first(world: World) -> float:
    return world.mints[0] + 3600


def test_a_stale_key_that_openai_takes_is_probed_every_5_s() -> None:
    world = World(
        policy(**QUIET), rules=(outage(10, 9000),), forced_verdicts=(ForcedVerdict(Verdict.GOOD),)
    )
    world.start().run(3900)
    probes = [at for at in world.times(Probe) if at > world.lease().expires_at - 1]
    assert probes[0] == world.lease().expires_at
    assert gaps(probes) == pytest.approx([5] * len(gaps(probes)), abs=0.1)
    assert world.file_keys


def test_a_stale_key_is_probed_although_its_successor_is_tested() -> None:
    """The one test under way is of the successor when the old key ends."""
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1010),)
    rules = (outage(10, 3595), Rule((Probe,), latency=20, start=4590))
    chosen = policy(verify=VerifyMode.REQUIRE, check_every=0, probe_every=0)
    world = World(chosen, rules=rules, forced_verdicts=forced_verdicts).start().run(3640)
    ended = [o.lease_id for at, o in world.log if isinstance(o, Probe) and at > 4600]
    assert world.mints[0] + 3600 < world.now
    assert any(lease_id.endswith("/2") for lease_id in ended), "the old key's"


def test_a_key_that_ends_while_it_is_probed() -> None:
    """That probe is its first one as a stale key."""
    rules = (outage(10, 9000), Rule((Probe,), latency=20, start=4590))
    world = (
        World(policy(**QUIET), rules=rules, forced_verdicts=(ForcedVerdict(Verdict.GOOD),))
        .start()
        .run(3595)
    )
    world.send(Reported("billing", world.history[-1][2])).run(60)
    probes = world.times(Probe)[1:]
    assert probes == pytest.approx([4595, 4620, 4645], abs=0.1)


@pytest.mark.parametrize(
    ("mode", "withdrawn"), [(VerifyMode.PREFER, False), (VerifyMode.REQUIRE, True)]
)
def test_unknown_counts_as_accepted_except_under_require(
    mode: VerifyMode,
    withdrawn: bool,
) -> None:
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1010),)
    world = World(
        policy(verify=mode, **QUIET), rules=(outage(10, 9000),), forced_verdicts=forced_verdicts
    )
    world.start().run(3700)
    assert bool(world.file_keys) is not withdrawn


@pytest.mark.parametrize(
    ("max_stale", "mode", "at"),
    [(0, VerifyMode.PREFER, 3600), (600, VerifyMode.PREFER, 4200), (600, VerifyMode.OFF, 4200)],
)
def test_a_stale_key_is_withdrawn_in_the_end(max_stale: float, mode: VerifyMode, at: float) -> None:
    chosen = policy(max_stale=max_stale, verify=mode, **QUIET)
    world = World(
        chosen, rules=(outage(10, 9000),), forced_verdicts=(ForcedVerdict(Verdict.GOOD),)
    ).start()
    world.run_until(lambda: not world.file_keys and world.now > 1001, 9000)
    assert world.now == pytest.approx(1000 + at, abs=0.1)
    (record,) = world.logged("key.withdrawn")
    assert record["why"] == "max_stale"
    world.rules = ()
    world.forced_verdicts = ()
    world.run(5)
    assert world.holds()


def test_a_longer_life_makes_a_stale_key_fresh_again() -> None:
    """The agent thought that it had ended; Vault knows better, and is asked after the outage."""
    rules = (outage(3000, 3700), Rule((Issue,), LIMITED, start=1010))
    world = (
        World(policy(), rules=rules, forced_verdicts=(ForcedVerdict(Verdict.GOOD),))
        .start()
        .run(3500)
    )
    for lease in world.vault.leases.values():
        lease.expires_at += 36_000
    world.run(150)
    assert world.view().status is KeyStatus.STALE
    world.run(120)
    assert world.view().status is KeyStatus.FRESH
    assert world.key().generation == 1


def test_a_key_that_goes_stale_waits_for_the_limit_as_a_stale_one() -> None:
    """Its replacement failed while it was good, so it waits for a minute or more."""
    rules = (Rule((Issue,), LIMITED, start=1010),)
    for seed in range(1, 9):
        world = World(policy(**QUIET), Vault(lease_ttl=60), rules, seed=seed).start().run(110)
        _, failed, again, *_ = [*world.times(Issue), inf, inf]
        assert failed < world.mints[0] + 60 < again <= failed + 40.1, seed
