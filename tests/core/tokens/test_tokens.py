"""Behaviour 2, what becomes of the token, and of the keys that end with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Issue, LogIn, LookUpToken, RenewToken, RevokeToken
from freshkey.core.model.events import ClockJumped, TokenLookedUp, TokenRenewed
from freshkey.core.model.grants import Renewal, TokenKind
from freshkey.core.model.secret import Secret

from tests.core.scripts import FORBIDDEN, LIMITED, THROTTLED, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault

QUIET = {"check_every": 0, "probe_every": 0}
TWENTY = tuple(f"key-{number}" for number in range(20))


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
    first = world.token()
    world.run_until(lambda: world.calls["LogIn"] == 2, 1200)
    world.run_until(lambda: world.calls["Revoke"] == 2, 400)
    assert world.calls["RevokeToken"] == 0
    world.run(1)
    assert world.vault.revoked_tokens == [first.secret.reveal()]
    assert world.alive() == 2
    assert not world.state.tokens.retired


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
        world.run_until(lambda w=world: w.key().generation == 2, 3600)  # type: ignore[misc]  # mypy knows no type of a default
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
    assert world.key().written_until == world.token().expires_at > world.now + 190


def test_a_renewal_that_is_put_off() -> None:
    rules = (Rule((RenewToken,), THROTTLED, end=1000 + 2600),)
    world = World(policy(**QUIET), Vault(token_ttl=3600, lease_ttl=36_000), rules=rules)
    world.start().run(3500)
    assert world.calls["LogIn"] == 1
    assert world.calls["Issue"] == 1
    assert world.state.tokens.trouble is None


@pytest.mark.parametrize("fault", [FORBIDDEN, LIMITED])
def test_a_token_whose_revocation_fails_is_revoked_later(fault: Fault) -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    rules = (Rule((RevokeToken,), fault, end=2000),)
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
    world.send(
        TokenRenewed(RenewToken(1, secret, 1), Renewal(1, renewable=True, asked_at=world.now))
    )
    login = Vault()._terms(Vault()._login(0), 0)  # type: ignore[arg-type] # noqa: SLF001 - as Vault's own log in
    world.send(TokenLookedUp(LookUpToken(1, secret, owned=True), login))
    assert world.state.tokens.current is None
