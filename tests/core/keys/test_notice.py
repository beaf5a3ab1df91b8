"""Behaviour 4: what happens behind the agent's back is noticed."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LookUp
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported, RotateRequested
from freshkey.core.model.state import BackingOff, Idle
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import FORBIDDEN, LIMITED, ForcedVerdict, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World


def test_vault_is_asked_every_minute_or_so() -> None:
    world = World(policy(probe_every=0), Vault(lease_ttl=36_000)).start().run(3600)
    between = gaps(world.times(LookUp))
    assert len(between) == pytest.approx(60, abs=6)
    assert 48 <= min(between) < 55
    assert 65 < max(between) <= 72.1


def test_the_published_key_is_tested_every_five_minutes() -> None:
    world = World(policy(check_every=0), Vault(lease_ttl=36_000)).start().run(3601)
    assert gaps(world.times(Probe)[1:]) == pytest.approx([300] * 11, abs=0.1)


@pytest.mark.parametrize("option", ["check_every", "probe_every"])
def test_zero_turns_it_off(option: str) -> None:
    world = World(policy(**{option: 0}), Vault(lease_ttl=36_000)).start().run(7200)
    assert world.calls["LookUp" if option == "check_every" else "Test"] <= 1


def test_a_lease_revoked_out_of_band_is_replaced_at_once() -> None:
    world = World(policy()).start().run(10)
    world.vault.end_lease(world.lease().id)
    world.run(73)
    assert world.holds()
    assert world.logged("lease.gone")
    assert world.logged("key.published")[-1]["reason"] == "revoked"
    assert world.calls["Revoke"] == 0, "there is nothing to revoke"


def test_all_tokens_revoked_out_of_band() -> None:
    world = World(policy("a", "b", "c"), Vault(token_ttl=3600)).start().run(10)
    world.vault.end_everything()
    world.run(73)
    assert all(map(world.holds, "abc"))
    assert world.calls["LogIn"] == 2
    assert {record["reason"] for record in world.logged("key.published")} == {"first", "token"}


def test_a_key_that_openai_refuses_is_replaced() -> None:
    world = World(policy(check_every=0)).start().run(10)
    world.vault.end_lease(world.lease().id)
    world.run(302)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "refused"
    tests = [(at, dict(record.fields)) for at, record in world.records if record.audit]
    refused = [at for at, fields in tests if fields.get("verdict") == "refused"]
    assert gaps(refused) == [pytest.approx(1, abs=0.1)], "two refusals, a second apart"


def test_one_refusal_may_be_a_slip() -> None:
    world = World(
        policy(check_every=0), forced_verdicts=(ForcedVerdict(Verdict.REFUSED, 1300, 1301),)
    ).start()
    world.run(900)
    assert world.calls["Issue"] == 1
    assert [test["verdict"] for test in world.logged("key.tested")].count("refused") == 1


def test_a_key_that_openai_takes_after_all_stays() -> None:
    """Refused too, the fresh key is given up; then OpenAI is itself again."""
    forced_verdicts = (ForcedVerdict(Verdict.REFUSED, 1290, 1400),)
    world = (
        World(policy(check_every=0, probe_every=60), forced_verdicts=forced_verdicts)
        .start()
        .run(360)
    )
    assert isinstance(world.key().cycle, BackingOff)
    world.forced_verdicts = ()
    world.run(61)
    assert isinstance(world.key().cycle, Idle)
    assert world.fault() is None
    world.run(600)
    assert world.key().generation == 1


def test_a_request_is_not_forgotten_when_openai_takes_the_key_after_all() -> None:
    forced_verdicts = (ForcedVerdict(Verdict.REFUSED, 1290, 1400),)
    world = (
        World(policy(check_every=0, probe_every=60), forced_verdicts=forced_verdicts)
        .start()
        .run(360)
    )
    world.rules = (Rule((Issue,), LIMITED, end=1500),)
    world.send(RotateRequested("billing"))
    world.forced_verdicts = ()
    world.run(1200)
    assert world.key().generation == 2


def test_a_refused_key_does_not_wait_as_a_good_one_does() -> None:
    """After an upstream 429 a good key waits up to a quarter of its life."""
    rules = (Rule((Issue,), LIMITED, start=1010, end=2000),)
    vault = Vault(lease_ttl=360_000)
    world = World(policy(check_every=0, probe_every=0), vault, rules=rules, seed=3).start().run(20)
    world.send(RotateRequested("billing")).run(1)
    cycle = world.key().cycle
    assert isinstance(cycle, BackingOff)
    assert cycle.until > world.now + 3600
    world.run(1200)
    vault.end_lease(world.lease().id)
    world.send(Reported("billing", world.tag())).run(1)
    assert world.holds()


def test_a_revoked_key_does_not_wait_as_a_good_one_does() -> None:
    rules = (Rule((Issue,), LIMITED, start=1010, end=2000),)
    vault = Vault(lease_ttl=360_000)
    world = World(policy(probe_every=0), vault, rules=rules, seed=3).start().run(20)
    world.send(RotateRequested("billing")).run(1200)
    vault.end_lease(world.lease().id)
    world.run(73)
    assert world.holds()


def test_checks_that_fail_say_nothing() -> None:
    world = World(policy(), rules=(Rule((LookUp,), FORBIDDEN),)).start().run(1700)
    assert world.calls["Issue"] == 1
    assert len(world.logged("lease.check_failed")) == 1, "told once"
    assert world.calls["LookUp"] < 30


def test_a_shorter_expiry_at_vault_counts() -> None:
    world = World(policy()).start().run(10)
    world.vault.leases[world.lease().id].expires_at = world.now + 900
    world.run(73)
    current = world.key().current
    assert current is not None
    assert current.lease.expires_at == pytest.approx(1910, abs=2)
    assert world.logged("lease.corrected")
    assert world.key().written_until == current.lease.expires_at


def test_a_flapping_openai_costs_no_more_than_the_budget() -> None:
    """It takes each new key, and refuses it as soon as it is published and reported."""
    world = World(policy(check_every=0, overlap=5), Vault(lease_ttl=36_000)).start().run(5)
    for _ in range(120):
        world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
        world.send(Reported("billing", world.tag())).run(5.5)
        world.forced_verdicts = ()
        world.run(1)
    assert max(sum(at <= mint < at + 60 for mint in world.mints) for at in world.mints) <= 6
