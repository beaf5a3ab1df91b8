"""Behaviour 6: stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Issue, LogIn, LookUpToken, Revoke, RevokeToken, Withdraw
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.events import ClockJumped, RotateRequested, StopRequested
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, VerifyMode
from freshkey.core.model.state import Minting, Wanted
from freshkey.core.model.state import Testing as BeingTested
from freshkey.core.model.verdict import Verdict

from tests.core.scripts import AWAY, INVALID, LIMITED, LOST, SEALED, ForcedVerdict, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault


def stopped(world: World, within: float) -> World:
    """Stop; return once the agent has ended."""
    asked = world.now
    world.send(StopRequested()).run(600)
    assert world.finished
    assert world.now <= asked + within
    return world


def test_keep_leaves_everything() -> None:
    world = World(policy()).start().run(10)
    stopped(world, 0)
    assert world.holds()
    assert world.calls["Revoke"] == world.calls["RevokeToken"] == world.calls["Withdraw"] == 0


def test_keep_goes_on_at_the_next_start() -> None:
    world = World(policy()).start().run(10)
    tag = world.history[-1][2]
    stopped(world, 0).restart()
    world.run(600)
    assert world.history[-1][2] == tag
    assert world.calls["Issue"] == world.calls["LogIn"] == 1


def test_a_pause_ends_as_a_stop_does_and_is_not_told_as_one() -> None:
    world = World(policy()).start().run(10)
    world.rules = (Rule((Issue,), latency=5),)
    world.send(RotateRequested("billing")).send(StopRequested(to_reload=True)).run(600)
    assert world.finished
    assert isinstance(world.key().cycle, BeingTested), "the mint under way was waited for"
    assert world.logged("agent.stopping") == []


def test_a_stop_takes_a_pause_over_and_does_what_a_stop_does() -> None:
    world = World(policy(revoke_on_stop=True)).start().run(10)
    asking = world.policy
    world.policy = policy(stop_grace=600)  # as a pause has it: nothing ends
    world.rules = (Rule((Issue,), latency=60),)
    world.send(RotateRequested("billing")).send(StopRequested(to_reload=True)).run(1)
    went_on = not world.finished and bool(world.file_keys)
    world.policy = asking
    asked = world.now
    world.send(StopRequested()).run(600)
    assert went_on
    assert world.finished
    assert world.now <= asked + 20 + 5
    assert not world.file_keys
    assert len(world.logged("agent.stopping")) == 1


def test_a_pause_changes_nothing_about_a_stop() -> None:
    world = World(policy()).start().run(10)
    world.rules = (Rule((Issue,), latency=60),)
    world.send(RotateRequested("billing")).send(StopRequested())
    stopping = world.state.stopping
    world.send(StopRequested(to_reload=True)).send(StopRequested())
    assert world.state.stopping == stopping


def test_a_pause_waits_for_a_login() -> None:
    """A single-use credential is spent: its token goes on to the next configuration."""
    world = World(policy())
    world.rules = (Rule((LogIn,), latency=8),)
    world.start().run(1)
    world.send(StopRequested(to_reload=True)).run(600)
    assert world.finished
    assert world.state.tokens.current is not None


def test_revoke_withdraws_then_revokes_the_token() -> None:
    world = World(policy("a", "b", revoke_on_stop=True)).start().run(10)
    world.send(RotateRequested("a")).run(10)
    stopped(world, 1)
    ends = [o for _, o in world.log if isinstance(o, Withdraw | Revoke | RevokeToken)]
    assert [type(order).__name__ for order in ends] == ["Withdraw", "Withdraw", "RevokeToken"]
    assert not world.file_keys
    assert world.alive() == 0
    world.restart()
    assert world.key("a").generation == 2
    world.run(5)
    assert world.holds("a")
    assert world.key("a").generation == 3


def test_revoke_ends_older_tokens_too() -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy(revoke_on_stop=True), vault).start()
    world.run_until(lambda: world.key().generation == 2, 1200)
    assert len(vault.tokens) == 2
    stopped(world, 1)
    assert not vault.tokens


@pytest.mark.parametrize(
    "vault", [Vault(token_kind=TokenKind.BATCH, token_ttl=36_000), Vault(given_token="hvs.given")]
)
def test_revoke_ends_each_lease_where_the_token_stays(vault: Vault) -> None:
    world = World(policy("a", "b", revoke_on_stop=True), vault).start().run(10)
    world.send(RotateRequested("a")).run(10)
    stopped(world, 1)
    assert world.calls["RevokeToken"] == 0
    assert world.calls["Revoke"] == 3
    assert world.alive() == 0


def test_each_key_as_it_asks() -> None:
    chosen = AgentPolicy({"kept": KeyPolicy(), "gone": KeyPolicy(revoke_on_stop=True)})
    world = World(chosen).start().run(10)
    stopped(world, 1)
    assert world.holds("kept")
    assert "gone" not in world.file_keys
    assert world.alive() == 1
    assert world.calls["RevokeToken"] == 0


def test_a_removed_key_does_not_keep_the_token() -> None:
    world = World(policy("kept", "removed", revoke_on_stop=True)).start().run(10)
    world.rules = (Rule((Revoke,), LIMITED),)
    world.policy = policy("kept", revoke_on_stop=True)
    world.restart()
    world.run(10)
    stopped(world, 1)
    assert world.alive() == 0


def test_revocations_that_fail_do_not_hold_up_the_end() -> None:
    rules = (Rule((Revoke, RevokeToken), LIMITED),)
    world = World(policy(revoke_on_stop=True), rules=rules).start().run(10)
    stopped(world, 3.1)
    assert world.calls["RevokeToken"] == 1
    assert world.key().retired, "the journal has them"
    world.rules = ()
    world.restart()
    world.run_until(lambda: world.calls["Revoke"] > 1, 60)
    assert world.holds()


def test_vault_away_does_not_hold_up_the_end() -> None:
    rules = (Rule((Revoke, RevokeToken), AWAY),)
    stopped(World(policy(revoke_on_stop=True), rules=rules).start().run(10), 1)


@pytest.mark.parametrize("mode", VerifyMode)
def test_a_mint_under_way_is_waited_for(mode: VerifyMode) -> None:
    world = World(policy(verify=mode), rules=(Rule((Issue,), latency=15),)).start().run(1)
    assert isinstance(world.key().cycle, Minting)
    stopped(world, 15)
    assert isinstance(world.key().cycle, BeingTested), "its key goes to the journal"
    world.restart()
    world.run(1)
    assert world.holds()
    assert world.calls["Issue"] == 1


def test_a_mint_under_way_is_waited_for_no_longer_than_the_grace() -> None:
    world = World(policy(stop_grace=20), rules=(Rule((Issue,), LOST, latency=65),)).start().run(1)
    stopped(world, 20)
    adopted = world.restart()
    assert [record.event for record in adopted.records] == ["mint.abandoned"]


def test_revoke_ends_a_mint_that_was_waited_for() -> None:
    rules = (Rule((Issue,), latency=10),)
    world = World(policy(revoke_on_stop=True), rules=rules).start().run(1)
    stopped(world, 15)
    assert world.alive() == 0


def test_revoke_ends_a_key_that_is_tested() -> None:
    vault = Vault(token_kind=TokenKind.BATCH, token_ttl=36_000)
    world = World(
        policy(revoke_on_stop=True), vault, forced_verdicts=(ForcedVerdict(Verdict.UNKNOWN),)
    )
    world.start().run(5)
    stopped(world, 1)
    assert world.alive() == 0


@pytest.mark.parametrize("fault", [AWAY, LOST, INVALID, LIMITED, SEALED])
def test_a_mint_that_fails_meanwhile(fault: Fault) -> None:
    rules = (Rule((Issue,), fault, latency=10),)
    world = World(policy(), rules=rules).start().run(1)
    stopped(world, 15)
    assert world.calls["Issue"] == 1


def test_a_login_under_way_is_waited_for() -> None:
    """Its token would be nobody's."""
    world = World(policy(revoke_on_stop=True), rules=(Rule((LogIn,), latency=2),)).start().run(1)
    stopped(world, 5)
    assert isinstance(world.key().cycle, Wanted)
    assert not world.vault.tokens


def test_a_token_request_under_way_goes_first() -> None:
    rules = (Rule((LookUpToken,), latency=2),)
    world = World(policy(revoke_on_stop=True), rules=rules).start().run(1)
    world.send(ClockJumped())
    stopped(world, 5)
    assert world.alive() == 0
    assert not world.vault.tokens


def test_a_second_request_changes_nothing() -> None:
    world = World(policy(), rules=(Rule((Issue,), latency=10),)).start().run(1)
    world.send(StopRequested()).run(5)
    stopping = world.state.stopping
    world.send(StopRequested())
    assert world.state.stopping == stopping


def test_nothing_new_begins() -> None:
    world = World(policy("a", "b"), rules=(Rule((Issue,), latency=10, names=("a",)),)).start()
    world.run(1)
    world.send(StopRequested())
    before = world.calls.copy()
    world.send(RotateRequested("b")).run(9)
    assert world.calls == before
    assert not world.finished


def test_a_probe_under_way_is_not_waited_for() -> None:
    world = World(policy(), rules=(Rule((Probe,), latency=10, start=1200),)).start().run(305)
    stopped(world, 0)
