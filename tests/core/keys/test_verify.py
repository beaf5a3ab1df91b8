"""Behaviour 3: a key is tested before it is published."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, Publish, Revoke
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import BackingOff, Idle
from freshkey.core.model.verdict import Verdict

from tests.core.checks import check_nothing_more_is_due
from tests.core.scripts import AWAY, ForcedVerdict, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
TESTING = [VerifyMode.REQUIRE, VerifyMode.PREFER]


@pytest.mark.parametrize("mode", TESTING)
def test_a_key_is_published_once_openai_knows_it(mode: VerifyMode) -> None:
    world = World(policy(verify=mode, **QUIET), Vault(activation=12)).start().run(11)
    assert not world.file_keys
    tests = world.times(Probe)
    waits = gaps(tests)
    assert 4 <= len(tests) <= 12, "with a backoff"
    assert waits[0] < 0.5 < waits[-1] <= 4.1
    world.run(6)
    assert world.holds()
    assert world.calls["Issue"] == 1
    assert not world.logged("key.published_untested")


def test_off_publishes_at_once_and_never_tests() -> None:
    world = World(policy(verify=VerifyMode.OFF, probe_every=60), Vault(activation=5)).start()
    world.run(0.03)
    assert world.file_keys
    world.run(24 * 3600)
    assert world.calls["Test"] == 0
    assert world.holds()


def test_off_publishes_a_key_that_an_earlier_run_left_in_its_test() -> None:
    """The configuration changed in between."""
    world = World(policy(**QUIET), rules=(Rule((Probe,), latency=20),)).start().run(1)
    world.policy = policy(verify=VerifyMode.OFF, **QUIET)
    world.restart()
    assert world.holds()
    assert world.calls["Issue"] == 1


def test_prefer_publishes_an_unknown_key_after_the_timeout() -> None:
    world = (
        World(policy(**QUIET), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(29)
    )
    assert not world.file_keys
    world.run(2)
    assert world.holds()
    (published,) = world.times(Publish)
    assert published == pytest.approx(1000 + 30, abs=0.1)
    assert world.logged("key.published_untested")


def test_prefer_publishes_a_key_whose_test_is_not_answered() -> None:
    world = World(policy(**QUIET), rules=(Rule((Probe,), latency=100),)).start().run(31)
    assert world.holds()
    world.run(200)
    assert isinstance(world.key().cycle, Idle)


def test_prefer_publishes_an_unknown_key_before_a_short_lease_ends() -> None:
    world = World(
        policy(**QUIET), Vault(lease_ttl=20), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)
    )
    world.start().run(11)
    assert world.holds()


def test_prefer_publishes_an_unknown_key_before_the_old_one_ends() -> None:
    """No later than the old key's end less its overlap."""
    rules = (Rule((Issue,), latency=20, start=1500),)
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1100),)
    chosen = policy(jitter=0, **QUIET)
    world = (
        World(chosen, Vault(lease_ttl=1000), rules=rules, forced_verdicts=forced_verdicts)
        .start()
        .run(10)
    )
    current = world.key().current
    assert current is not None
    world.run_until(lambda: world.key().generation == 2, 1000)
    assert world.now == pytest.approx(current.lease.expires_at - 300, abs=0.1)


def test_require_never_publishes_an_unknown_key() -> None:
    chosen = policy(verify=VerifyMode.REQUIRE, **QUIET)
    world = (
        World(chosen, forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN, start=1010),))
        .start()
        .run(1810)
    )
    world.run(1780)
    assert world.key().generation == 1
    assert world.holds()
    assert world.calls["Issue"] == 2
    assert world.calls["Test"] < 120
    world.forced_verdicts = ()
    world.run_until(lambda: world.key().generation == 2, 61)
    assert world.holds()


def test_require_gives_up_a_key_that_was_never_vouched_for() -> None:
    chosen = policy(verify=VerifyMode.REQUIRE, **QUIET)
    world = World(chosen, forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(1900)
    (failed, *_) = world.logged("key.replacement_failed")
    assert failed["fault"] == "upstream", "OpenAI refused nothing"
    assert "vouch" in failed["message"]
    assert len(world.times(Revoke)) == 1


def test_openai_away_is_no_refusal() -> None:
    world = World(policy(**QUIET), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start().run(5)
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.UPSTREAM
    assert "refuse" not in fault.message
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.run(5)
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.REFUSED


@pytest.mark.parametrize("lease_ttl", [0, 20, 600])
def test_openai_away_costs_fewer_mints_than_rotations_do(lease_ttl: float) -> None:
    """Each key waits for OpenAI's word for half its life: then another one has its chance."""
    chosen = policy(verify=VerifyMode.REQUIRE, budget=0, **QUIET)
    world = World(
        chosen, Vault(lease_ttl=lease_ttl), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)
    )
    world.start().run(3600)
    assert not world.file_keys
    assert 1 < world.calls["Issue"] <= 20 + 3600 / (lease_ttl / 2 + 6)
    assert world.alive() <= 1
    world.forced_verdicts = ()
    world.run(61)
    assert world.holds() or lease_ttl == 0


@pytest.mark.parametrize("mode", TESTING)
def test_a_refused_fresh_key_leaves_the_old_one(mode: VerifyMode) -> None:
    """The fault is not the key: its lease is revoked, and the tries back off, 1 to 15 min."""
    chosen = policy(verify=mode, overlap=60, **QUIET)
    world = World(chosen, Vault(lease_ttl=36_000)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.send(RotateRequested("billing")).run(7200)
    assert world.key().generation == 1
    assert world.holds()
    waits = [round(gap - 30) for gap in gaps(world.mints[1:])]
    assert waits == [60, 120, 240, 480, *[900] * (len(waits) - 4)]
    assert world.calls["Revoke"] >= world.calls["Issue"] - 2
    assert world.alive() <= 2
    world.forced_verdicts = ()
    world.run_until(lambda: world.key().generation == 2, 931)
    assert world.holds()


def test_a_refused_key_of_a_short_lease_is_given_up_with_it() -> None:
    world = World(
        policy(**QUIET), Vault(lease_ttl=10), forced_verdicts=(ForcedVerdict(Verdict.REFUSED),)
    )
    world.step_hooks.append(lambda: check_nothing_more_is_due(world))
    world.start().run(11)
    assert isinstance(world.key().cycle, BackingOff)
    world.run(49)
    assert world.calls["Issue"] == 1


def test_a_key_that_recovers_from_a_refusal_is_published() -> None:
    forced_verdicts = (
        ForcedVerdict(Verdict.REFUSED, end=1005),
        ForcedVerdict(Verdict.UNKNOWN, start=1005),
    )
    world = World(policy(**QUIET), forced_verdicts=forced_verdicts).start().run(29)
    assert not world.file_keys
    world.run(2)
    assert world.holds()


def test_a_test_that_breaks_is_no_verdict() -> None:
    """A fault of the probe itself says nothing of Vault."""
    rules = (Rule((Probe,), AWAY, end=1010),)
    world = World(policy(**QUIET), rules=rules).start().run(5)
    assert not world.state.link.away
    world.run(10)
    assert world.holds()
