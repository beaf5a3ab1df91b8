"""Behaviour 2: tokens that are given to the agent, and credentials that change."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import LogIn, RenewToken
from freshkey.core.model.events import CredentialChanged
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.secret import Secret

from tests.core.holdings import VaultToken
from tests.core.scripts import AWAY, FORBIDDEN, INVALID, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault

QUIET = {"check_every": 0, "probe_every": 0}
TWENTY = tuple(f"key-{number}" for number in range(20))


def test_a_given_token_is_never_revoked() -> None:
    vault = Vault(given_token="hvs.given", token_ttl=600, token_renewable=False)
    world = World(policy(**QUIET), vault).start().run(500)
    reads = world.times(LogIn)
    assert len(reads) > 1, "it is read again: somebody may have put a new one there"
    assert min(gaps(reads[1:])) >= 60
    assert world.calls["Issue"] == 1
    vault.given_token = "hvs.next"
    world.run(500)
    assert world.key().generation == 2
    assert world.holds()
    assert not world.vault.revoked_tokens
    assert not world.state.tokens.retired


def test_a_given_token_that_is_replaced_is_left_at_once() -> None:
    """Whoever replaced it may end it at any moment: 20 keys move within the budget."""
    vault = Vault(given_token="hvs.given", lease_ttl=36_000)
    world = World(policy(*TWENTY, **QUIET), vault).start().run(600)
    assert all(map(world.holds, TWENTY))
    vault.given_token = "hvs.next"
    world.send(CredentialChanged()).run(300)
    assert world.token().secret == Secret("hvs.next")
    assert {record["reason"] for record in world.logged("key.published")} == {"first", "token"}
    assert {key.generation for key in world.state.keys} == {2}
    world.vault.end_token("hvs.given")
    assert all(map(world.holds, TWENTY))
    world.run(600)
    assert world.calls["RevokeToken"] == 0
    assert not world.state.tokens.retired
    assert world.alive() == 20


def test_a_given_token_of_the_same_value_changes_nothing() -> None:
    world = World(policy(**QUIET), Vault(given_token="hvs.given")).start().run(10)
    world.send(CredentialChanged()).run(600)
    assert world.calls["LogIn"] == 2
    assert world.calls["Issue"] == 1
    world.vault.given_token = "hvs.next"
    world.send(CredentialChanged()).run(2)
    assert world.token().secret == Secret("hvs.next")


def test_a_changed_credential_ends_the_wait_for_the_next_login() -> None:
    world = World(policy(**QUIET), Vault(), rules=(Rule((LogIn,), FORBIDDEN),)).start().run(600)
    world.rules = ()
    world.send(CredentialChanged()).run(2)
    assert world.holds()


def test_credentials_that_change_all_the_time_cost_a_login_a_second_at_most() -> None:
    world = World(policy(**QUIET), Vault(), rules=(Rule((LogIn,), FORBIDDEN),)).start()
    for _ in range(600):
        world.send(CredentialChanged()).run(0.1)
    assert world.calls["LogIn"] <= 61


@pytest.mark.parametrize("fault", [INVALID, FORBIDDEN])
def test_a_changed_credential_that_is_no_good_leaves_the_token_in_use(fault: Fault) -> None:
    world = World(policy(**QUIET), Vault(token_ttl=600)).start().run(10)
    world.rules = (Rule((LogIn,), fault),)
    world.send(CredentialChanged()).run(3600)
    assert world.calls["LogIn"] == 2
    assert world.calls["RenewToken"] > 6
    assert world.holds()
    assert world.token_fault() is None


def test_a_changed_credential_waits_for_vault() -> None:
    world = World(policy(**QUIET), Vault()).start().run(10)
    world.rules = (Rule((LogIn,), AWAY),)
    first = world.token()
    world.send(CredentialChanged()).run(30)
    world.rules = ()
    world.run(120)
    assert world.token().number == first.number + 1


def test_a_credential_that_changes_during_a_login_is_used_after_it() -> None:
    rules = (Rule((LogIn,), latency=5.0),)
    world = World(policy(**QUIET), Vault(given_token="hvs.given"), rules=rules).start().run(1)
    world.vault.given_token = "hvs.next"  # the login under way has read the one before
    world.send(CredentialChanged()).run(30)
    assert world.token().secret == Secret("hvs.next")


def test_a_given_token_is_renewed_for_its_whole_term() -> None:
    """Not for what was left of it when the agent first saw it."""
    vault = Vault(given_token="hvs.given", token_ttl=3600)
    world = World(policy(**QUIET), vault, now=4000.0)
    vault.tokens["hvs.given"] = VaultToken("hvs.given", TokenKind.SERVICE, 4600.0, inf, 1000.0)
    world.start().run(3600)
    asked = [order.increment for _, order in world.log if isinstance(order, RenewToken)]
    assert set(asked) == {3600}
    assert len(asked) <= 3
    assert world.holds()


def test_a_given_token_without_an_end() -> None:
    world = World(policy(**QUIET), Vault(given_token="hvs.root")).start().run(24 * 3600)
    assert world.calls["LogIn"] == 1
    assert world.calls["RenewToken"] == 0
    (record,) = world.logged("token.logged_in")
    assert record["expires_in"] is None
