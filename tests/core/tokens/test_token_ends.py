"""What becomes of the keys when a token ends, or can not be renewed."""

from __future__ import annotations

from typing import Any

import pytest
from freshkey.core.model.actions import LogIn, RenewToken
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.view import KeyStatus

from tests.core.scripts import FORBIDDEN, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
TWENTY = tuple(f"key-{number}" for number in range(20))

KINDS: dict[str, dict[str, Any]] = {
    "renewable": {"token_ttl": 1200, "token_max": 3600},
    "not renewable": {"token_ttl": 1200, "token_renewable": False},
    "batch": {"token_ttl": 1200, "token_kind": TokenKind.BATCH},
    "short": {"token_ttl": 500, "token_max": 1000},
    "shorter than its leases by far": {"token_ttl": 900, "token_max": 900, "lease_ttl": 864_000},
}


def check_held(world: World) -> None:
    assert world.holds(), f"at {world.now}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_ends_while_readers_have_keys_under_it(kind: str) -> None:
    """Twenty keys move at six a minute; World.send checks the budget at every mint."""
    vault = Vault(**{"lease_ttl": 36_000, **KINDS[kind]})
    world = World(policy(*TWENTY, **QUIET), vault).start().run(240)
    assert all(map(world.holds, TWENTY))

    def nobody_was_left() -> None:
        assert all(map(world.holds, TWENTY)), f"at {world.now}"

    world.step_hooks.append(nobody_was_left)
    world.run(2.5 * 3600)
    assert not world.logged("key.stale")
    moves = world.calls["LogIn"] - 1
    assert moves >= 2
    assert world.calls["Issue"] <= 20 * (moves + 1), "one mint for each key under each token"
    assert len(world.state.tokens.retired) <= 2


def test_a_token_that_may_not_be_renewed() -> None:
    """vault#22575: a missing permission on renew-self made hundreds of requests a second."""
    rules = (Rule((RenewToken,), FORBIDDEN),)
    world = World(policy(**QUIET), Vault(token_ttl=3600), rules=rules).start().run(1)
    for _ in range(24 * 60):
        world.run(60)
        assert world.holds()
    assert world.calls["RenewToken"] <= 24 / 0.47 + 1
    assert world.calls["LogIn"] <= world.calls["RenewToken"] + 1
    assert len(world.logged("token.renewal_failed")) == 1, "each token would have the same news"


def test_a_refused_renewal_holds_no_login_up() -> None:
    """A token of 12 s: the wait after a refusal would be its end."""
    rules = (Rule((RenewToken,), FORBIDDEN),)
    world = World(policy(budget=0, **QUIET), Vault(token_ttl=12), rules=rules).start().run(1)
    world.step_hooks.append(lambda: check_held(world))
    world.run(600)
    assert world.calls["RenewToken"] <= 600 / 6 + 1


def test_a_last_renewal_that_leaves_a_second() -> None:
    rules = (Rule((LogIn,), latency=0.5),)
    vault = Vault(token_ttl=3, token_max=5.75)
    world = World(policy(budget=0, **QUIET), vault, rules=rules).start().run(1)
    world.step_hooks.append(lambda: check_held(world))
    world.run(600)
    assert 0 <= world.calls["LogIn"] - world.calls["Issue"] <= 1


def test_nothing_is_minted_under_a_token_that_ended() -> None:
    rules = (Rule((LogIn,), FORBIDDEN, start=1010, end=4000),)
    vault = Vault(token_ttl=600, token_renewable=False)
    world = World(policy(**QUIET), vault, rules=rules).start().run(2900)
    assert world.calls["Issue"] == 1
    assert world.view().status is KeyStatus.WITHDRAWN, "OpenAI refuses it from its end on"
    assert world.calls["LogIn"] < 40
    world.run(500)
    assert world.holds()


def test_a_given_token_that_may_not_be_renewed_until_its_policy_is_mended() -> None:
    rules = (Rule((RenewToken,), FORBIDDEN, end=1000 + 3200),)
    vault = Vault(given_token="hvs.given", token_ttl=3600, lease_ttl=36_000)
    world = World(policy(**QUIET), vault, rules=rules).start().run(3200)
    assert 1 < world.calls["RenewToken"] < 10
    assert min(gaps(world.times(RenewToken))) >= 60
    assert len(world.logged("token.renewal_failed")) == 1
    world.run(4000)
    assert world.holds()
    assert world.calls["Issue"] == 1
    assert world.state.tokens.trouble is None


def test_a_token_that_is_revoked_under_twenty_keys() -> None:
    """All of them have to move at six a minute; World.send checks the budget at every mint."""
    vault = Vault(token_ttl=36_000, lease_ttl=36_000)
    world = World(policy(*TWENTY), vault).start().run(240)
    assert all(map(world.holds, TWENTY))
    vault.end_everything()
    revoked_at = world.now
    world.run_until(lambda: all(map(world.holds, TWENTY)), 400)
    noticed_at = world.times(LogIn)[-1]
    assert noticed_at - revoked_at <= 5, "twenty keys are looked up every minute"
    assert world.now - noticed_at <= 20 / 6 * 60 + 5
    assert (world.calls["LogIn"], world.calls["Issue"]) == (2, 40)
    assert {key.generation for key in world.state.keys} == {2}
    assert len(world.logged("token.lost")) == 1
    world.run(600)
    assert (world.calls["LogIn"], world.calls["Issue"]) == (2, 40)
    assert world.alive() == 20
    assert not world.state.tokens.retired
