"""Keys under test that went with their token, and the last test of one that is given up."""

from __future__ import annotations

import pytest
from freshkey.core.keys import replacement, verification
from freshkey.core.model.actions import Issue, LookUp
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import Failed
from freshkey.core.model.events import Tested as Answered
from freshkey.core.model.policy import VerifyMode
from freshkey.core.model.state import NO_TOKEN, BackingOff, Reason, Wanted
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.pacing.timing import find

from tests.core.contexts import NOW, at, token
from tests.core.keys.held import MINTED, TOKEN, UNDER, lease, published, trying
from tests.core.scripts import INVALID, LIMITED, ForcedVerdict, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}


def test_a_fresh_key_whose_token_is_lost_is_not_waited_for() -> None:
    vault = Vault(activation=20)
    world = World(policy(**QUIET), vault).start().run(5)
    vault.end_everything()
    order = next(order for _, order in world.log if isinstance(order, Issue))
    look_up = LookUp("billing", "openai/creds/billing/2", order.token_number, order.token)
    world.send(Failed(look_up, INVALID)).run(1)
    assert world.calls["LogIn"] == 2
    assert world.calls["Issue"] == 2
    world.run(25)
    assert world.holds()


def test_a_key_that_went_with_its_token_before_openai_could_judge_it_is_replaced_at_once() -> None:
    """Its refusal would tell nothing of the next one, which would wait for a minute."""
    vault = Vault(lease_ttl=1200, token_ttl=400, token_max=400)
    world = World(policy(verify=VerifyMode.REQUIRE, **QUIET), vault).start().run(150)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN, world.now),)
    world.run_until(lambda: isinstance(world.key().cycle, BeingTested), 400)
    token = find(world.state.tokens, being_tested(world).candidate.lease.token)
    assert token is not None
    ends = token.good_until
    world.run(ends - 1 - world.now)
    world.forced_verdicts = ()
    assert not world.holds()
    assert being_tested(world).retry_at > ends + 2
    world.run(3)
    assert world.holds()


def being_tested(world: World) -> BeingTested:
    cycle = world.key().cycle
    assert isinstance(cycle, BeingTested)
    return cycle


def test_a_refused_key_whose_token_turns_out_lost_is_replaced_at_once() -> None:
    """It was refused because it had gone with its token, which says nothing of the next one."""
    vault = Vault(activation=5)
    world = World(policy(**QUIET), vault).start().run(2)
    vault.end_everything()
    world.run_until(lambda: world.calls["Issue"] == 2, 40)
    assert world.logged("key.replacement_failed")
    assert world.logged("token.lost")
    world.run(10)
    assert world.holds()


def test_a_key_that_ended_while_the_machine_slept_is_replaced_at_once() -> None:
    """Its test was under way; OpenAI refuses an ended key, which says nothing of the next one."""
    context = at(tokens=UNDER)
    ended = trying(NOW - 900, held=lease(expires_at=NOW - 300), retry_at=NOW - 899)
    key = published(lease(gone_at=NOW - 300), cycle=ended)
    event = Answered(
        Probe("billing", ended.candidate.lease.id, MINTED.secret), Finding(Verdict.REFUSED, "401")
    )
    after = verification.plan(verification.on_tested(key, ended, event, context), context)
    assert after.cycle == Wanted(Reason.DUE)
    assert not after.failures


def test_a_refused_key_whose_token_lives_is_waited_for() -> None:
    forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    world = World(policy(**QUIET), forced_verdicts=forced_verdicts).start()
    world.run_until(lambda: isinstance(world.key().cycle, BackingOff), 40).run(59)
    assert world.calls["Issue"] == 1


def test_a_key_is_tested_once_more_before_it_is_given_up() -> None:
    """OpenAI may be back, and the next key would cost its readers another wait."""
    vault = Vault(lease_ttl=120)
    world = World(policy(verify=VerifyMode.REQUIRE, **QUIET), vault)
    world.forced_verdicts = (ForcedVerdict(Verdict.UNKNOWN),)
    world.start()
    world.run_until(lambda: isinstance(world.key().cycle, BackingOff), 120)
    given_up = world.now
    tests = [time for time in world.times(Probe) if time < given_up]
    assert given_up - tests[-1] <= 5.1


@pytest.mark.parametrize(
    ("tokens", "at_once"),
    [
        pytest.param(UNDER, False, id="its token lives"),
        pytest.param(Tokens(replace(TOKEN, lost_at=NOW)), True, id="it went with its token"),
        pytest.param(
            Tokens(replace(TOKEN, lost_at=NOW + 0.1)), False, id="its token was lost later"
        ),
        pytest.param(Tokens(TOKEN, retired=(token(2, lost_at=NOW),)), False, id="another is lost"),
        pytest.param(Tokens(), False, id="its token is forgotten"),
    ],
)
def test_a_refused_key_is_waited_for_unless_it_went_with_its_token(
    tokens: Tokens,
    at_once: bool,
) -> None:
    cycle = BackingOff(Reason.DUE, NOW - 15, NOW + 45, LIMITED, refused_under=TOKEN.number)
    key = published(lease(token=NO_TOKEN), cycle=cycle)
    after = replacement.plan(key, at(NOW + 1, tokens=tokens))
    assert after.cycle == (Wanted(Reason.DUE) if at_once else cycle)


@pytest.mark.parametrize("token_ttl", [20, 40, 60])
@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.UNKNOWN])
def test_tokens_that_end_during_the_tests_make_no_storm(token_ttl: int, verdict: Verdict) -> None:
    vault = Vault(token_ttl=token_ttl, token_max=token_ttl)
    forced_verdicts = (ForcedVerdict(verdict),)
    chosen = policy(verify=VerifyMode.REQUIRE, **QUIET)
    world = World(chosen, vault, forced_verdicts=forced_verdicts).start().run(3600)
    assert world.calls["Issue"] <= (12 if verdict is Verdict.REFUSED else 90)


def test_a_token_that_is_lost_after_a_refusal_does_not_shorten_its_wait() -> None:
    """The key was refused for something else, and keys that are well need the budget."""
    forced_verdicts = (ForcedVerdict(Verdict.REFUSED),)
    vault = Vault()
    world = World(policy(**QUIET), vault, forced_verdicts=forced_verdicts).start()
    world.run_until(lambda: isinstance(world.key().cycle, BackingOff), 40).run(20)
    vault.end_everything()
    order = next(order for _, order in world.log if isinstance(order, Issue))
    look_up = LookUp("billing", "openai/creds/billing/9", order.token_number, order.token)
    world.send(Failed(look_up, INVALID)).run(35)
    assert world.logged("token.lost")
    assert world.calls["Issue"] == 1


def test_an_answer_under_way_saves_a_key_that_would_be_given_up() -> None:
    rules = (Rule((Probe,), latency=7, start=1025),)
    world = World(
        policy(verify=VerifyMode.REQUIRE, **QUIET),
        Vault(lease_ttl=120),
        rules=rules,
        forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN, end=1045),),
    )
    world.start().run(63)
    assert world.holds()
    assert not world.logged("key.replacement_failed")
