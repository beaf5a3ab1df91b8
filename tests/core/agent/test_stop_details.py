"""Behaviour 6: what a stop waits for, and what it leaves alone."""

from __future__ import annotations

import pytest
from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.actions import Issue, LogIn, Ping, Revoke, RevokeToken
from freshkey.core.model.events import CredentialChanged, RotateRequested, StopRequested
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.struct import replace
from freshkey.core.model.token import TokenCall

from tests.core.scripts import AWAY, FORBIDDEN, ORIGIN, Rule, policy, sources
from tests.core.world import World

OTHER_LOGIN = replace(ORIGIN, role="other")
STOP, PAUSE = StopRequested(), StopRequested(to_reload=True)


def seconds_to_end(world: World, request: StopRequested = STOP) -> float:
    """How long a stop takes."""
    asked = world.now
    world.send(request).run(600)
    assert world.finished
    return world.now - asked


def mixed(*rules: Rule) -> World:
    """A key that stays, and one that is revoked, each with a lease in its overlap."""
    chosen = {"kept": KeyPolicy(overlap=10), "gone": KeyPolicy(overlap=10, revoke_on_stop=True)}
    world = World(AgentPolicy(chosen), rules=rules).start().run(10)
    return world.send(RotateRequested("kept"), RotateRequested("gone")).run(9)


def with_another_login(fault: Rule) -> World:
    """An agent that finds its lease, and has no token for it yet."""
    world = World(policy(revoke_on_stop=True)).start().run(10)
    world.rules = (fault,)
    world.restart(DesiredState(world.policy, OTHER_LOGIN, sources(world.policy)))
    world.send(RotateRequested("billing", now=True)).run(5)
    return world


@pytest.mark.parametrize("asked", [STOP, PAUSE])
def test_a_stop_ends_at_once_where_nothing_is_under_way(asked: StopRequested) -> None:
    world = World(policy()).start().run(10)
    world.send(RotateRequested("billing")).run(10)
    assert world.key().retired, "its overlap goes on without the agent"
    assert seconds_to_end(world, asked) == 0


def test_a_second_pause_changes_nothing() -> None:
    world = World(policy(), rules=(Rule((Issue,), latency=60),)).start().run(1)
    world.send(PAUSE).run(5)
    stopping = world.state.stopping
    world.send(PAUSE)
    assert world.state.stopping == stopping


def test_a_stop_waits_for_the_mint_with_the_longest_grace() -> None:
    chosen = {"short": KeyPolicy(stop_grace=5), "long": KeyPolicy(stop_grace=20)}
    world = World(AgentPolicy(chosen), rules=(Rule((Issue,), latency=60),)).start().run(1)
    assert seconds_to_end(world) == pytest.approx(20)


def test_a_stop_waits_as_long_as_the_key_that_is_minted_asks_for() -> None:
    chosen = {"minted": KeyPolicy(stop_grace=5), "idle": KeyPolicy(stop_grace=20)}
    rules = (Rule((Issue,), latency=60, names=("minted",)),)
    world = World(AgentPolicy(chosen), rules=rules).start().run(1)
    assert seconds_to_end(world) == pytest.approx(5)


def test_a_stop_waits_for_a_login_only_as_long_as_for_everything_else() -> None:
    rules = (Rule((Issue,), latency=10), Rule((LogIn,), latency=30, start=1001))
    world = World(policy(), rules=rules).start().run(1)
    world.send(CredentialChanged()).run(5)
    assert world.state.tokens.call is TokenCall.LOGIN
    assert seconds_to_end(world) == pytest.approx(4 + 3, abs=0.1)


def test_a_stop_waits_until_vault_has_the_revocation_of_a_token_without_leases() -> None:
    rules = (Rule((Issue,), FORBIDDEN), Rule((RevokeToken,), latency=1))
    world = World(policy(revoke_on_stop=True), rules=rules).start().run(1)
    assert seconds_to_end(world) == pytest.approx(1)
    assert world.state.tokens.current is None


def test_the_end_of_the_token_is_the_end_of_what_is_left_to_revoke() -> None:
    world = World(policy(revoke_on_stop=True)).start().run(10)
    seconds_to_end(world)
    assert len(world.logged("lease.revoked")) == 1
    assert world.key().retired == ()


def test_leases_of_keys_that_stay_are_left_alone() -> None:
    """Even where their overlap ends while others are revoked."""
    world = mixed(Rule((Revoke,), latency=2, names=("gone",)))
    assert seconds_to_end(world) == pytest.approx(3)
    assert {order.name for _, order in world.log if isinstance(order, Revoke)} == {"gone"}


def test_leases_of_keys_that_stay_are_not_waited_for() -> None:
    world = mixed()
    assert seconds_to_end(world) < 1


def test_leases_are_not_called_revoked_where_their_token_could_not_be() -> None:
    world = with_another_login(Rule((LogIn, Ping), AWAY))
    assert world.state.link.away
    assert seconds_to_end(world) == 0
    assert world.logged("lease.revoked") == []
    assert world.key().retired, "the journal has it"


def test_a_stop_does_not_wait_for_revocations_without_a_token() -> None:
    world = with_another_login(Rule((LogIn, RevokeToken), FORBIDDEN))
    assert not world.state.link.away
    assert seconds_to_end(world) < 1
    assert world.key().retired


def test_no_token_is_revoked_while_vault_is_away() -> None:
    world = World(policy(revoke_on_stop=True), rules=(Rule((Issue,), AWAY, start=1005),)).start()
    world.run(10).rules = (Rule((Issue, RevokeToken), AWAY),)
    world.send(RotateRequested("billing")).run(0.015)
    assert world.state.link.away
    assert seconds_to_end(world) == 0
    assert world.times(RevokeToken) == []


def test_a_token_of_an_earlier_login_is_revoked_beside_one_that_stays() -> None:
    world = World(policy(revoke_on_stop=True)).start().run(10)
    (own,) = world.vault.tokens
    world.vault.given_token = "hvs.given"
    world.restart(DesiredState(world.policy, OTHER_LOGIN, sources(world.policy)))
    world.run(10)
    seconds_to_end(world)
    assert world.vault.revoked_tokens == [own]


def test_a_token_that_has_ended_is_not_revoked() -> None:
    world = World(policy(revoke_on_stop=True)).start().run(10)
    ended = replace(world.token(), expires_at=world.now - 1)
    world.state = replace(world.state, tokens=replace(world.state.tokens, current=ended))
    seconds_to_end(world)
    assert world.times(RevokeToken) == []
