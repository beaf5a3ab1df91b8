"""Behaviour 2, what becomes of the token, and of the keys that end with it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Issue, LogIn, LookUpToken, RenewToken, RevokeToken
from freshkey.core.model.events import ClockJumped, CredentialChanged, TokenLookedUp, TokenRenewed
from freshkey.core.model.grants import Renewal, TokenKind
from freshkey.core.model.secret import Secret

from tests.core.holdings import VaultToken
from tests.core.scripts import AWAY, FORBIDDEN, INVALID, LIMITED, THROTTLED, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault
    from freshkey.core.model.token import Token

QUIET = {"check_every": 0, "probe_every": 0}
TWENTY = tuple(f"key-{number}" for number in range(20))


def current(world: World) -> Token:
    token = world.state.tokens.current
    assert token is not None
    return token


def test_a_token_is_renewed_and_never_replaced() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=3600)).start().run(24 * 3600)
    assert world.calls["LogIn"] == 1
    assert 24 / 0.67 - 1 <= world.calls["RenewToken"] <= 24 / 0.47 + 1
    asked = {order.increment for _, order in world.log if isinstance(order, RenewToken)}
    assert asked == {3600}


def test_a_token_near_its_maximum_is_replaced_before_its_end() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=3600, token_max=7200, lease_ttl=3600)).start()
    while world.now < 1000 + 24 * 3600:
        world.run(60)
        assert world.holds()
    assert world.calls["LogIn"] == pytest.approx(24 * 3600 / (7200 - 345), abs=4)
    assert len(world.vault.tokens) <= 2
    assert not world.logged("key.stale")


def test_twenty_keys_move_within_the_budget() -> None:
    """The token's last renewal leaves less time than they need: it is replaced sooner."""
    vault = Vault(token_ttl=1200, token_max=3600, lease_ttl=36_000)
    world = World(policy(*TWENTY, **QUIET), vault).start().run(600)
    assert all(map(world.holds, TWENTY))
    for _ in range(600):
        world.run(10)
        assert all(map(world.holds, TWENTY))
    assert {record["reason"] for record in world.logged("key.published")} == {"first", "token"}


def test_the_old_token_goes_after_the_last_overlap_under_it() -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy("a", "b", **QUIET), vault).start().run(1)
    first = current(world)
    world.run_until(lambda: world.calls["LogIn"] == 2, 1200)
    world.run_until(lambda: world.calls["Revoke"] == 2, 400)
    assert world.calls["RevokeToken"] == 0
    world.run(1)
    assert world.vault.revoked_tokens == [first.secret.reveal()]
    assert world.alive() == 2
    assert not world.state.tokens.retired


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
    assert current(world).secret == Secret("hvs.next")
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
    assert current(world).secret == Secret("hvs.next")


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
    first = current(world)
    world.send(CredentialChanged()).run(30)
    world.rules = ()
    world.run(120)
    assert current(world).number == first.number + 1


def test_a_credential_that_changes_during_a_login_is_used_after_it() -> None:
    rules = (Rule((LogIn,), latency=5.0),)
    world = World(policy(**QUIET), Vault(given_token="hvs.given"), rules=rules).start().run(1)
    world.vault.given_token = "hvs.next"  # the login under way has read the one before
    world.send(CredentialChanged()).run(30)
    assert current(world).secret == Secret("hvs.next")


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


def test_batch_tokens_cannot_be_revoked() -> None:
    """Only their leases are; a lease is cut to its token's end and not replaced under it."""
    vault = Vault(token_kind=TokenKind.BATCH, token_ttl=1200, lease_ttl=1200)
    world = World(policy(overlap=60, **QUIET), vault).start()
    while world.now < 1000 + 6 * 3600:
        world.run(5)
        assert world.now < 1001 or world.holds()
    assert world.calls["RevokeToken"] == 0
    assert world.calls["RenewToken"] == 0
    assert world.calls["Issue"] == world.calls["LogIn"]
    assert world.calls["Revoke"] >= world.calls["Issue"] - 2
    assert len(world.state.tokens.retired) <= 1


def test_a_key_bounded_by_its_token_is_not_replaced_under_it() -> None:
    """20 s of token: the leases under it came out as 19, 7, 2, 1 s in the wild."""
    vault = Vault(token_kind=TokenKind.BATCH, token_ttl=20, lease_ttl=20)
    world = World(policy(**QUIET), vault).start().run(600)
    under = [order.token_number for _, order in world.log if isinstance(order, Issue)]
    assert len(under) == len(set(under))
    assert len(under) == pytest.approx(60, abs=3)
    assert world.holds()


def test_a_lease_that_outlives_its_renewed_token_is_replaced_in_time() -> None:
    """24 h of lease under a token of 1 h that is renewed for ever: the lease's point counts."""
    world = World(policy(**QUIET), Vault(token_ttl=3600, lease_ttl=86_400)).start()
    world.run_until(lambda: world.key().generation == 2, 86_400)
    assert world.now == pytest.approx(1000 + 0.57 * 86_400, abs=0.11 * 86_400)
    assert world.calls["LogIn"] == 1


def test_a_lease_as_long_as_its_token_waits_for_the_renewal() -> None:
    for seed in range(20):
        world = World(policy(**QUIET), Vault(token_ttl=3600), seed=seed).start()
        world.run_until(lambda w=world: w.key().generation == 2, 3600)  # type: ignore[misc]
        assert world.calls["RenewToken"] >= 1
        assert world.calls["LogIn"] == 1


def test_a_short_token_makes_no_mint_spiral() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=15, token_max=30)).start().run(1)
    for _ in range(600):
        world.run(1)
        assert world.holds()
    assert world.calls["Issue"] == world.calls["LogIn"]
    assert world.calls["LogIn"] <= 600 / 15 + 1
    assert world.max_live_leases <= 3


def test_the_end_that_readers_see_moves_with_the_token() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=600, lease_ttl=36_000)).start().run(5)
    assert world.key().written_until == pytest.approx(1600, abs=1)
    world.run(1200)
    assert world.key().written_until == current(world).expires_at > world.now + 190


def test_a_renewal_that_is_put_off() -> None:
    rules = (Rule((RenewToken,), THROTTLED, end=1000 + 2600),)
    world = World(policy(**QUIET), Vault(token_ttl=3600, lease_ttl=36_000), rules=rules)
    world.start().run(3500)
    assert world.calls["LogIn"] == 1
    assert world.calls["Issue"] == 1
    assert world.state.tokens.trouble is None


@pytest.mark.parametrize("fault", [FORBIDDEN, LIMITED])
def test_a_token_whose_revocation_fails_is_revoked_later(fault: object) -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    rules = (Rule((RevokeToken,), fault, end=2000),)  # type: ignore[arg-type]
    world = World(policy(overlap=60, **QUIET), vault, rules=rules).start().run(2900)
    assert 1 < world.calls["RevokeToken"] < 12
    assert len(world.vault.tokens) <= 2


def test_a_token_that_ended_meanwhile_is_forgotten() -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy(overlap=60, **QUIET), vault, rules=(Rule((RevokeToken,), LIMITED),))
    world.start().run(6000)
    assert len(world.state.tokens.retired) <= 3
    ended = [token.last_end for token in world.state.tokens.retired]
    assert all(world.now < end for end in ended)


def test_tokens_of_no_length_make_no_spin() -> None:
    world = World(policy(**QUIET), Vault(token_ttl=0)).start().run(60)
    assert world.calls["LogIn"] <= 65


def test_a_lookup_of_the_token_that_is_forbidden_holds_nothing_up() -> None:
    rules = (Rule((LookUpToken,), FORBIDDEN),)
    world = World(policy(**QUIET), Vault(token_ttl=3600), rules=rules).start().run(10)
    world.send(ClockJumped()).run(7200)
    assert world.calls["LookUpToken"] == 1
    assert world.calls["RenewToken"] >= 2
    assert world.calls["LogIn"] == 1


def test_answers_about_a_token_that_was_lost() -> None:
    """It was renewed, or looked up, while another request found it invalid."""
    world = World(policy(**QUIET), Vault(token_ttl=3600), rules=(Rule((LogIn,), FORBIDDEN),))
    state = world.start().run(1).state
    assert state.tokens.current is None
    secret = Secret("hvs.lost")
    world.send(TokenRenewed(RenewToken(1, secret, 1), Renewal(1, True, world.now)))  # noqa: FBT003
    login = Vault()._terms(Vault()._login(0), 0)  # type: ignore[arg-type] # noqa: SLF001
    world.send(TokenLookedUp(LookUpToken(1, secret, owned=True), login))
    assert world.state.tokens.current is None
