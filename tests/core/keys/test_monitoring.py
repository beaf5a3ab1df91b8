"""Behaviours 4 and 7: what a verdict on the published key, or a report of it, changes."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from freshkey.core.keys.monitoring import on_reported, on_tested, plan
from freshkey.core.model.actions import Level, LookUp, Record
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Reported
from freshkey.core.model.events import Tested as Verdicted
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import BackingOff, Idle, KeyState, Reason, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Finding, Verdict

from tests.core.contexts import context_of
from tests.core.scripts import LIMITED, ForcedVerdict, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 300}
LONG = 36_000.0


def running(**options: Any) -> World:  # noqa: ANN401 - KeyPolicy's
    return World(policy(**{**QUIET, **options}), Vault(lease_ttl=LONG)).start().run(10)


def watched(world: World, **changed: Any) -> KeyState:  # noqa: ANN401 - Watch's
    """The key of a world, watched in another way."""
    return replace(world.key(), watch=replace(world.key().watch, **changed))


def answered(world: World, key: KeyState, verdict: Verdict) -> KeyState:
    """The key after OpenAI said this of it."""
    assert key.current is not None
    order = Probe(key.name, key.current.lease.id, key.current.secret)
    event = Verdicted(order, Finding(verdict, "simulated"))
    return on_tested(key, key.current, event, context_of(world))


def reported(world: World, key: KeyState) -> KeyState:
    return on_reported(key, Reported(key.name, world.tag()), context_of(world))


@pytest.mark.parametrize(
    ("verdict", "level"),
    [
        (Verdict.GOOD, Level.INFO),
        (Verdict.UNKNOWN, Level.INFO),
        (Verdict.REFUSED, Level.WARNING),
    ],
)
def test_a_refusal_of_the_published_key_is_a_warning(verdict: Verdict, level: Level) -> None:
    world = running()
    world.forced_verdicts = (ForcedVerdict(verdict),)
    world.records.clear()
    world.run(290.5)
    assert [r.level for _, r in world.records if r.event == "key.tested"] == [level]


@pytest.mark.parametrize("verdict", [Verdict.GOOD, Verdict.UNKNOWN])
def test_what_is_not_a_refusal_takes_a_slip_back(verdict: Verdict) -> None:
    world = running()
    assert answered(world, watched(world, refusals=1), verdict).watch.refusals == 0


@pytest.mark.parametrize("verdict", [Verdict.GOOD, Verdict.UNKNOWN])
def test_a_report_after_the_test_was_asked_for_stands(verdict: Verdict) -> None:
    """That test says how the key was before; a slip is taken back all the same."""
    world = running()
    key = watched(world, refusals=1, claimed=True, probe_at=world.now)
    after = answered(world, key, verdict)
    assert after == replace(key, watch=replace(key.watch, refusals=0))


def test_a_refusal_settles_a_report_that_came_after_the_test_was_asked_for() -> None:
    world = running()
    after = answered(world, watched(world, claimed=True, probe_at=world.now), Verdict.REFUSED)
    assert after.cycle == Wanted(Reason.REPORTED)
    assert not after.watch.claimed


def test_a_test_that_is_due_without_a_report_is_served_by_one_under_way() -> None:
    world = running()
    after = answered(world, watched(world, probe_at=world.now), Verdict.GOOD)
    assert after.watch.probe_at == world.now + 300


def test_tests_that_tell_nothing_go_on_and_ask_vault_nothing() -> None:
    world = running()
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(1000)
    assert gaps(world.times(Probe)[-3:]) == pytest.approx([300, 300], abs=0.1)
    assert world.times(LookUp) == []


def test_under_require_a_fresh_key_that_can_not_be_judged_stays() -> None:
    world = running(verify=VerifyMode.REQUIRE)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(1000)
    assert world.calls["Issue"] == 1
    assert world.key().watch.refusals == 0


def test_under_require_a_stale_key_that_openai_takes_stays() -> None:
    world = running(verify=VerifyMode.REQUIRE)
    after = answered(world, watched(world, stale=True), Verdict.GOOD)
    assert after.current is not None
    assert after.watch.refusals == 0


@pytest.mark.parametrize(("stale", "next_probe"), [(False, 300), (True, 1)])
def test_a_refusal_that_was_reported_is_enough_for_a_replacement(
    *, stale: bool, next_probe: float
) -> None:
    """A stale key has a second look until it is withdrawn."""
    world = running()
    after = answered(world, watched(world, claimed=True, stale=stale), Verdict.REFUSED)
    assert after.cycle == Wanted(Reason.REPORTED)
    assert after.watch.probe_at == world.now + next_probe
    assert not after.watch.claimed, "the next report is looked into again"


@pytest.mark.parametrize(
    "waiting", [Wanted(Reason.REFUSED), BackingOff(Reason.REFUSED, 0, 9, LIMITED)]
)
def test_a_key_that_openai_takes_after_all_is_not_replaced(waiting: Wanted | BackingOff) -> None:
    world = running()
    after = answered(world, replace(watched(world, refusals=2), cycle=waiting), Verdict.GOOD)
    assert after.cycle == Idle()
    assert after.watch.refusals == 0


def test_a_stale_key_is_replaced_although_openai_takes_it_after_all() -> None:
    world = running()
    waiting = replace(watched(world, stale=True), cycle=Wanted(Reason.REFUSED))
    assert answered(world, waiting, Verdict.GOOD).cycle == waiting.cycle


def test_a_key_that_goes_stale_is_told_of_and_starts_with_no_refusal() -> None:
    world = running()
    context = context_of(world, world.lease().expires_at)
    after = plan(watched(world, refusals=1), context)
    told = [action for action in context.actions if isinstance(action, Record)]
    assert "key.stale" in [record.event for record in told]
    assert (after.watch.stale, after.watch.refusals) == (True, 0)


def test_a_second_look_is_not_put_off_by_a_report() -> None:
    world = running()
    key = watched(world, probed_at=world.now - 1, probe_at=world.now + 1)
    assert reported(world, key).watch.probe_at == world.now + 1


def test_a_check_that_is_due_soon_is_not_put_off_by_a_report() -> None:
    world = running(verify=VerifyMode.OFF)
    key = watched(world, probed_at=world.now - 1, check_at=world.now + 1)
    assert reported(world, key).watch.check_at == world.now + 1


def test_a_report_is_told_once_while_vault_is_asked_about_it() -> None:
    world = running(probe_every=0)
    world.rules = (Rule((LookUp,), latency=20),)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(Reported("billing", world.tag())).run(10)
    assert len(world.times(LookUp)) == 1
    assert world.key().watch.probe_at == inf
    world.send(Reported("billing", world.tag())).run(5)
    assert len(world.logged("key.reported")) == 1


def test_one_test_of_the_key_at_a_time() -> None:
    world = running()
    world.rules = (Rule((Probe,), latency=20),)
    world.run(291)
    begun = len(world.times(Probe))
    world.send(Reported("billing", world.tag())).run(10)
    assert len(world.times(Probe)) == begun
    world.run(10)
    assert len(world.times(Probe)) == begun + 1
