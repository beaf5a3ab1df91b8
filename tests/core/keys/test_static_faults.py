"""A secret without a lease that can not be read, or that OpenAI refuses."""

from __future__ import annotations

from typing import Any

import pytest
from freshkey.core.model.actions import Issue, Refresh
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import (
    Reported,
    RotateRequested,
)
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import BackingOff
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import (
    AWAY,
    FORBIDDEN,
    LOST,
    ForcedVerdict,
    Rule,
    gaps,
    policy,
)
from tests.core.static import REFRESH, static
from tests.core.vault import NOTHING
from tests.core.world import World


@pytest.mark.parametrize("fault", [AWAY, LOST, FORBIDDEN])
def test_the_key_stays_while_it_can_not_be_read(fault: Any) -> None:  # noqa: ANN401 - a Fault
    world = static(rules=(Rule((Refresh,), fault, start=1010),)).run(7200)
    assert world.holds()
    assert world.view().status is KeyStatus.FRESH
    assert world.fault() == fault
    assert world.state.tokens.count == 1, "a read without an answer leaves no lease: no new token"
    assert not world.logged("mint.abandoned")
    assert 20 < world.calls["Refresh"] < 400
    world.rules = ()
    world.run(REFRESH)
    assert world.key().trouble is None


def test_a_deleted_key_stays_while_openai_takes_it() -> None:
    world = static().run(10)
    world.vault.deleted = True
    world.run(3600)
    assert world.holds()
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.NOT_FOUND
    world.vault.deleted = False
    world.run(REFRESH)
    assert world.key().trouble is None
    assert world.key().generation == 1


def test_a_deleted_key_that_openai_refuses_is_withdrawn_and_comes_back() -> None:
    world = static().run(10)
    world.vault.deleted = True
    world.vault.refused.add("sk-billing-1")
    world.run(REFRESH + 3)
    tests = world.times(Probe)[-2:]
    assert tests[1] - tests[0] >= 1
    assert world.view().status is KeyStatus.WITHDRAWN
    assert not world.file_keys
    world.vault.deleted, world.vault.static_keys["billing"] = False, "sk-2"
    world.run(REFRESH)
    assert world.file_keys["billing"] == "sk-2"
    assert world.key().generation == 2


def test_a_refused_key_is_read_again_at_once_then_by_backoff() -> None:
    world = static(probe_every=60, refresh=600).run(10)
    world.vault.refused.add("sk-billing-1")
    world.run_until(lambda: bool(world.logged("key.replacement_failed")), 70)
    first = world.times(Refresh)
    assert len(first) == 1, "after the second refusal, a second later"
    fault = world.fault()
    assert fault is not None
    assert fault.kind is FaultKind.REFUSED
    world.run(7200)
    assert world.file_keys["billing"] == "sk-billing-1", "there is no other"
    waits = gaps(world.times(Refresh))
    assert waits[:4] == pytest.approx([60, 120, 240, 480], abs=1)
    assert max(waits) <= 601, "never less often than without a fault"
    world.vault.static_keys["billing"] = "sk-2"
    world.run(601)
    assert world.file_keys["billing"] == "sk-2"
    assert world.key().trouble is None


def test_a_refusal_that_passes() -> None:
    forced_verdicts = (ForcedVerdict(Verdict.REFUSED, 1050, 1100),)
    world = static(probe_every=60, refresh=600)
    world.forced_verdicts = forced_verdicts
    world.run(400)
    assert world.key().generation == 1
    assert world.key().trouble is None


def test_a_new_value_that_openai_refuses_is_not_published() -> None:
    world = static(refresh=600).run(10)
    world.vault.static_keys["billing"] = "sk-2"
    world.vault.refused.add("sk-2")
    world.run(2 * 3600)
    assert world.file_keys["billing"] == "sk-billing-1"
    assert max(gaps(world.times(Refresh))) <= 600 + 30 + 1
    world.vault.static_keys["billing"] = "sk-3"
    world.run(632)
    assert world.file_keys["billing"] == "sk-3"


def test_a_new_value_that_openai_can_not_judge_is_read_again_meanwhile() -> None:
    """Under `require` it waits; what Vault keeps meanwhile counts."""
    world = static(verify=VerifyMode.REQUIRE, refresh=60).run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, world.now, world.now + 1000),)
    world.vault.static_keys["billing"] = "sk-2"
    world.run(200)
    assert isinstance(world.key().cycle, BeingTested | BackingOff)
    world.vault.static_keys["billing"] = "sk-3"
    world.run(1100)
    assert world.file_keys["billing"] == "sk-3"


@pytest.mark.parametrize("verify", [VerifyMode.PREFER, VerifyMode.OFF])
@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.UNKNOWN])
def test_a_readers_report_leads_to_a_read(verify: VerifyMode, verdict: Verdict) -> None:
    world = static(verify=verify).run(10)
    world.forced_verdicts = (ForcedVerdict(verdict, world.now, world.now + 2),)
    world.vault.static_keys["billing"] = "sk-2"
    world.send(Reported("billing", world.tag())).run(4)
    assert world.file_keys["billing"] == "sk-2"
    assert world.logged("key.published")[-1]["reason"] == "reported"


def test_reports_that_come_to_nothing() -> None:
    world = static().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    for _ in range(100):
        world.send(Reported("billing", world.tag())).run(0.5)
    assert world.calls["Refresh"] <= 11, "once in 5 s"
    assert world.key().trouble is None
    assert world.key().generation == 1


def test_a_report_that_openai_confirms_while_vault_has_no_other() -> None:
    world = static().run(10)
    world.vault.refused.add("sk-billing-1")
    world.send(Reported("billing", world.tag())).run(5)
    assert world.calls["Refresh"] == 1
    assert isinstance(world.key().cycle, BackingOff)


def test_a_compromised_key_that_was_withdrawn_does_not_come_back() -> None:
    world = static().run(10)
    world.send(RotateRequested("billing", compromised=True, now=True)).run(5)
    world.restart()
    world.run(7200)
    assert not world.file_keys
    fault = world.fault()
    assert fault is not None
    assert "compromised" in fault.message
    assert world.calls["Issue"] <= 6 + 7200 / REFRESH
    assert not world.mints
    world.vault.static_keys["billing"] = "sk-2"
    world.run(REFRESH)
    assert world.file_keys["billing"] == "sk-2"
    world.vault.static_keys["billing"] = "sk-billing-1"
    world.run(REFRESH)
    assert world.file_keys["billing"] == "sk-billing-1", "somebody put it there anew"


def test_every_report_that_openai_can_not_judge_is_looked_into() -> None:
    world = static().run(10)
    for count in (1, 2):
        world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
        world.send(Reported("billing", world.history[-1][2])).run(10)
        assert world.calls["Refresh"] == count


def test_a_role_that_is_gone_makes_no_minted_key_suspect() -> None:
    """Its lease says how long it lives; only what Vault keeps can be missing there."""
    world = World(policy(check_every=0, probe_every=0)).start().run(10)
    tests = len(world.times(Probe))
    world.rules = (Rule((Issue,), NOTHING),)
    world.send(RotateRequested("billing")).run(30)
    assert world.fault() == NOTHING
    assert len(world.times(Probe)) == tests
