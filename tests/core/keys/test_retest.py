"""Behaviour 3: how a new key is tested again, and what is said when it is given up."""

from __future__ import annotations

from freshkey.core.model.actions import Issue, Revoke
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import INVALID, LIMITED, ForcedVerdict, Rule, desired_state, gaps, policy
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
REFUSED = Fault(FaultKind.REFUSED, "OpenAI refuses the new key: simulated")


def required(*rules: Rule) -> World:
    return World(policy(verify=VerifyMode.REQUIRE, **QUIET), rules=rules).start()


def test_a_key_that_is_not_active_yet_is_tested_again_soon_and_then_less_often() -> None:
    world = required()
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.run(20)
    pauses = gaps(world.times(Probe))
    assert 0.125 <= pauses[0] <= 0.26
    assert 0.25 <= pauses[1] <= 0.51
    assert 0.5 <= pauses[2] <= 1.01
    assert max(pauses) <= 4.01


def test_the_last_verdict_counts_when_a_key_is_given_up() -> None:
    world = required()
    world.forced_verdicts = (
        ForcedVerdict(Verdict.UNKNOWN, end=1029),
        ForcedVerdict(Verdict.REFUSED, start=1029),
    )
    world.run(35)
    assert world.fault() == REFUSED
    assert len(world.logged("key.replacement_failed")) == 1


def test_a_first_answer_that_comes_late_is_quoted() -> None:
    world = required(Rule((Probe,), latency=40))
    world.forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world.run(45)
    assert world.fault() == REFUSED


def test_what_openai_said_instead_of_a_verdict_is_quoted() -> None:
    world = required()
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(45)
    message = "OpenAI does not vouch for the new key: simulated"
    assert world.fault() == Fault(FaultKind.UPSTREAM, message)


def test_what_is_left_of_a_mint_that_failed_ends_in_its_time() -> None:
    """Vault granted a lease, and its answer could not be used."""
    fault = Fault(FaultKind.MALFORMED, "no secret", orphan=("openai/creds/billing/77", 600.0))
    world = World(
        policy(**QUIET), rules=(Rule((Issue,), fault, end=1000.5), Rule((Revoke,), LIMITED))
    )
    world.start().run(590)
    assert world.calls["Revoke"] > 1
    assert world.logged("lease.ended") == []
    world.run(20)
    assert [one["lease_id"] for one in world.logged("lease.ended")] == ["openai/creds/billing/77"]


def levels(world: World) -> list[str]:
    return [r.level for _, r in world.records if r.event == "key.published_untested"]


def test_under_require_a_first_test_that_takes_long_publishes_nothing() -> None:
    world = required(Rule((Probe,), latency=60))
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.run(2000)
    assert world.history == []
    assert levels(world) == []


def test_under_prefer_it_is_published_with_a_warning() -> None:
    world = World(policy(**QUIET), rules=(Rule((Probe,), latency=60),)).start().run(50)
    assert len(world.history) == 1
    assert levels(world) == ["warning"]


def test_a_configuration_without_tests_publishes_what_was_being_tested() -> None:
    world = World(policy(**QUIET), rules=(Rule((Probe,), latency=60),)).start().run(5)
    world.restart(desired_state(policy(verify=VerifyMode.OFF, **QUIET)))
    assert len(world.history) == 1
    assert levels(world) == ["info"]


def test_a_tested_key_goes_with_its_token() -> None:
    world = World(policy("tested", "other", **QUIET)).start().run(10)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.send(RotateRequested("tested")).run(2)
    assert isinstance(world.key("tested").cycle, BeingTested)
    world.forced_verdicts = ()
    world.rules = (Rule((Issue,), INVALID, end=world.now + 0.015),)
    world.send(RotateRequested("other")).run(700)
    assert world.holds("tested")
    assert world.calls["LogIn"] == 2
    assert world.alive() == 2, "what was tested is revoked, too"
