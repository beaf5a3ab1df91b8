"""Behaviour 4: a reader's report of a 401."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LookUp
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import FORBIDDEN, ForcedVerdict, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World


def test_a_report_is_tested_at_openai_at_once() -> None:
    world = World(policy(check_every=0)).start().run(10)
    world.vault.end_lease(world.lease().id)
    world.send(Reported("billing", world.tag())).run(1)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "reported"


def test_a_report_of_a_good_key_costs_a_test() -> None:
    world = World(policy()).start().run(10)
    before = world.calls["Test"]
    world.send(Reported("billing", world.tag())).run(20)
    assert world.calls["Test"] == before + 1
    assert world.calls["Issue"] == 1


@pytest.mark.parametrize("verdict", [Verdict.GOOD, Verdict.UNKNOWN])
@pytest.mark.parametrize("reports", [1, 2])
def test_a_test_asked_for_before_the_report_settles_nothing(verdict: Verdict, reports: int) -> None:
    """It says how the key was then; of a second report, so does the first one's test."""
    world = World(policy(check_every=0)).start().run(10)
    world.rules = (Rule((Probe,), latency=3),)
    world.forced_verdicts = (ForcedVerdict(verdict),)
    if reports == 2:
        world.send(Reported("billing", world.tag()))
    else:
        world.run_until(lambda: world.key().probing is not None, 400)
    world.run(1)
    asked = world.now
    world.forced_verdicts = ()
    world.vault.end_lease(world.lease().id)
    for _ in range(10):
        world.send(Reported("billing", world.tag()))
    assert len(world.logged("key.reported")) == reports, "told once for each test that it costs"
    world.run(4.5)
    assert world.calls["LookUp"] == 0
    assert [at - asked for at in world.times(Probe) if at > asked] == [pytest.approx(4)]
    world.run(10)
    assert world.holds()
    assert world.logged("key.published")[-1]["reason"] == "reported"


@pytest.mark.parametrize("old", ["1-00000000", "0-", "", "2"])
def test_a_report_of_another_tag_is_none(old: str) -> None:
    world = World(policy()).start().run(10)
    state = world.state
    assert world.send(Reported("billing", old)).state == state
    assert world.send(Reported("unknown", world.tag())).state == state


def test_a_report_before_the_first_key_is_none() -> None:
    world = World(policy(), rules=(Rule((Issue,), FORBIDDEN),)).start().run(10)
    world.send(Reported("billing", "0-00000000"))
    assert not world.logged("key.reported")


@pytest.mark.parametrize("verdict", [None, Verdict.UNKNOWN])
@pytest.mark.parametrize("mode", VerifyMode)
def test_reports_cost_a_check_in_5_s_and_a_mint_in_10_min(
    mode: VerifyMode, verdict: Verdict | None
) -> None:
    """A reader claims without end, and OpenAI can't tell."""
    forced_verdicts = (ForcedVerdict(verdict, start=1001),) if verdict else ()
    chosen = policy(verify=mode, check_every=0, probe_every=0, overlap=30)
    world = World(chosen, Vault(lease_ttl=360_000), forced_verdicts=forced_verdicts).start().run(10)
    for _ in range(1800):
        world.send(Reported("billing", world.tag())).run(1)
    probes = world.times(LookUp if mode is VerifyMode.OFF else Probe)[1:]
    assert len(probes) <= 1800 / 5 + 80, "and the tests of new keys"
    if verdict is None and mode is not VerifyMode.OFF:
        assert world.calls["Issue"] == 1
    else:
        assert 2 <= world.calls["Issue"] <= 4
        assert all(gap >= 600 for gap in gaps(world.mints[1:]))


def test_a_report_that_neither_can_tell_waits_for_vault() -> None:
    rules = (Rule((LookUp,), FORBIDDEN, end=1200),)
    forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, start=1005),)
    chosen = policy(probe_every=0, check_every=0)
    world = World(chosen, rules=rules, forced_verdicts=forced_verdicts).start().run(10)
    world.send(Reported("billing", world.tag())).run(60)
    assert 1 < world.calls["LookUp"] < 12
    assert world.calls["Issue"] == 1
    world.run(600)
    assert world.calls["Issue"] == 2
