"""Behaviour 2: a token stays while a lease under it is in use, and Vault while it is needed."""

from __future__ import annotations

import pytest
from freshkey.core.agent.step import holds_of_vault
from freshkey.core.keys.adoption import DesiredState
from freshkey.core.model.actions import Exchange, Issue, LogIn, Revoke, RevokeToken
from freshkey.core.model.events import CredentialChanged, RotateRequested
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import AgentState, KeyState
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import AWAY, LIMITED, ORIGIN, ForcedVerdict, Rule, policy, sources
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
OTHER_LOGIN = replace(ORIGIN, role="other")


def running() -> World:
    return World(policy(**QUIET)).start().run(10)


@pytest.mark.parametrize("held", ["token", "retired token", "lease"])
def test_what_vault_gave_is_held_until_it_has_ended(held: str) -> None:
    world = running()
    key = world.key() if held == "lease" else KeyState("billing")
    tokens = {
        "token": Tokens(current=world.token()),
        "retired token": Tokens(retired=(world.token(),)),
        "lease": Tokens(),
    }
    state = AgentState(keys=(KeyState("other"), key), tokens=tokens[held])
    assert holds_of_vault(state)
    assert not holds_of_vault(AgentState(keys=(KeyState("other"), KeyState("billing"))))


def test_a_token_stays_while_a_key_under_it_is_tested() -> None:
    world = World(policy(**QUIET), forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)).start()
    world.run(5).send(CredentialChanged()).run(5)
    assert isinstance(world.key().cycle, BeingTested)
    assert len(world.times(LogIn)) == 2
    assert world.times(RevokeToken) == []


def test_a_token_stays_while_a_mint_under_it_is_under_way() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), latency=20),)).start()
    world.run(5).send(CredentialChanged()).run(10)
    assert len(world.times(LogIn)) == 2
    assert world.times(RevokeToken) == []
    world.run(10)
    assert world.holds()


def test_a_token_goes_although_leases_under_it_could_not_be_revoked() -> None:
    """It takes them along."""
    world = World(policy(overlap=0, **QUIET), rules=(Rule((Revoke,), LIMITED),)).start().run(10)
    world.send(RotateRequested("billing")).run(5).send(CredentialChanged()).run(5)
    assert world.alive() == 2
    world.send(RotateRequested("billing")).run(5)
    assert len(world.times(RevokeToken)) == 1
    assert world.alive() == 1


def exchanged_from_now_on(world: World) -> None:
    """Start the agent with another login, and with an exchange in the place of the mint."""
    wanted = policy(subject=Subject.FILE, **QUIET)
    world.restart(DesiredState(wanted, OTHER_LOGIN, sources(wanted)))


def test_vault_is_needed_while_its_last_key_is_published() -> None:
    """Its lease is to be revoked once there is another key."""
    world = running()
    world.rules = (Rule((Exchange,), AWAY),)
    exchanged_from_now_on(world)
    world.run(5)
    assert world.key().generation == 1
    assert len(world.times(LogIn)) == 2


def test_vault_is_not_needed_for_a_lease_that_ended_with_its_token() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=100, token_renewable=False)).start().run(10)
    world.rules = (Rule((Exchange,), AWAY),)
    world.now += 200
    exchanged_from_now_on(world)
    world.run(5)
    assert len(world.times(LogIn)) == 1
