"""Behaviour 8: faults are told apart, and each costs its own wait."""

from __future__ import annotations

import pytest
from freshkey.core.model.actions import Issue, LogIn, LookUp, RevokeToken
from freshkey.core.model.events import CredentialUnwrapped, RotateRequested
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.grants import TokenKind, Unwrapped
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import BackingOff

from tests.core.scripts import (
    AWAY,
    FORBIDDEN,
    INVALID,
    LOST,
    Rule,
    gaps,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World

QUIET = {"check_every": 0, "probe_every": 0}
HOUR = 3600.0


def of(kind: FaultKind) -> Fault:
    return Fault(kind, "it failed")


def test_a_login_that_succeeds_while_the_mint_is_forbidden_does_not_spin() -> None:
    world = World(policy(), rules=(Rule((Issue,), FORBIDDEN),)).start().run(HOUR)
    assert world.calls["LogIn"] == 1
    assert world.calls["Issue"] < 40
    assert world.fault() == FORBIDDEN
    assert not world.mints, "Vault refused: no mint was spent"


def test_an_invalid_token_costs_a_login_at_once() -> None:
    world = World(policy(), Vault(token_ttl=HOUR)).start().run(10)
    world.vault.end_everything()
    world.send(RotateRequested("billing")).run(0.2)
    assert world.calls["LogIn"] == 2
    assert world.holds()


def test_tokens_that_are_invalid_again_and_again_do_not_spin() -> None:
    world = World(policy(), rules=(Rule((Issue,), INVALID),)).start().run(HOUR)
    assert world.calls["LogIn"] < 150
    assert world.calls["Issue"] <= world.calls["LogIn"]
    assert max(gaps(world.times(LogIn))[-20:]) > 20, "the waits double up to a minute"
    world.rules = ()
    world.run(61)
    assert world.holds()


def test_a_token_that_was_good_for_long_is_lost_without_a_wait() -> None:
    rules = (Rule((Issue,), INVALID, end=1010),)
    world = World(policy(**QUIET), Vault(token_ttl=HOUR), rules=rules).start().run(100)
    assert world.holds()
    world.vault.end_everything()
    world.send(RotateRequested("billing")).run(0.2)
    assert world.holds()


@pytest.mark.parametrize("held", [5, 600])
def test_a_token_is_replaced_at_once_only_once(held: float) -> None:
    """The one after it is invalid as well: from then on each login costs a wait."""
    world = World(policy(**QUIET), rules=(Rule((Issue,), INVALID, start=1000 + held),)).start()
    world.run(held).send(RotateRequested("billing")).run(60)
    _, *again = world.times(LogIn)
    assert again[0] < 1000 + held + 0.05
    assert all(gap >= 0.1 for gap in gaps(again))


def test_an_old_token_that_is_found_invalid_takes_its_keys_along() -> None:
    """A request that left under it is answered after the next login."""
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy("a", "b", **QUIET), vault).start()
    world.run_until(lambda: world.calls["LogIn"] == 1 and world.now > 1500, 600)
    world.rules = (Rule((LookUp,), INVALID, latency=600, names=("a",)),)
    world.policy = policy("a", "b", check_every=1, probe_every=0)
    world.restart()
    world.run_until(lambda: world.calls["LogIn"] == 2, 1200)
    world.run(600)
    assert world.calls["LogIn"] == 2
    assert world.holds("a")
    assert world.holds("b")


@pytest.mark.parametrize(
    "kind", [FaultKind.FORBIDDEN, FaultKind.NOT_FOUND, FaultKind.BAD_REQUEST, FaultKind.MALFORMED]
)
def test_what_a_person_has_to_mend_is_retried_slowly(kind: FaultKind) -> None:
    world = World(policy(), rules=(Rule((Issue,), of(kind)),)).start().run(HOUR)
    assert 10 < world.calls["Issue"] < 40
    assert world.fault() == of(kind)


def test_a_login_that_fails_is_repeated_with_a_backoff() -> None:
    world = World(policy(), rules=(Rule((LogIn,), FORBIDDEN),)).start().run(HOUR)
    assert 10 < world.calls["LogIn"] < 40
    assert world.token_fault() == FORBIDDEN
    assert world.logged("token.login_failed")
    world.rules = ()
    world.run(300)
    assert world.holds()
    assert world.state.tokens.trouble is None


def test_backoff_counts_from_the_end_of_the_call_before() -> None:
    rules = (Rule((Issue,), FORBIDDEN, latency=60),)
    world = World(policy(), rules=rules).start().run(1200)
    assert min(gaps(world.times(Issue))) > 61


def test_an_abandoned_mint_retires_its_token() -> None:
    """A lease of unknown id may live under it: it goes with the token."""
    rules = (Rule((Issue,), LOST, start=1500, end=3000, acts=True, latency=60),)
    world = World(policy("a", "b", **QUIET), rules=rules).start().run(400)
    world.send(RotateRequested("a")).run(105)
    world.send(RotateRequested("a")).run(200)
    assert world.calls["LogIn"] >= 2
    assert world.logged("mint.abandoned")
    assert world.alive() >= 3, "one of them the agent does not know"
    world.rules = ()
    world.run(7200)
    assert world.alive() == 2
    assert len(world.vault.tokens) == 1
    assert world.holds("a")
    assert world.holds("b")
    under = [o.token_number for at, o in world.log if isinstance(o, Issue) and at > 1500]
    assert under[1] != under[0], "the next mint is made under another token"


def test_an_abandoned_mint_under_a_given_token() -> None:
    """That lease lives to its end; the token is not the agent's to revoke."""
    rules = (Rule((Issue,), LOST, end=1010, acts=True),)
    world = World(policy(**QUIET), Vault(given_token="hvs.given"), rules=rules).start().run(130)
    assert world.holds()
    assert world.calls["LogIn"] == 1
    assert world.alive() > 1
    world.run(7200)
    assert world.alive() <= 2


def test_an_abandoned_mint_under_a_batch_token() -> None:
    """It can't be revoked, so another one would gain nothing."""
    rules = (Rule((Issue,), LOST, end=1001, acts=True),)
    vault = Vault(token_kind=TokenKind.BATCH, token_ttl=36_000)
    world = World(policy(**QUIET), vault, rules=rules).start().run(130)
    assert world.holds()
    assert world.calls["LogIn"] == 1


def test_a_lease_without_a_key_is_revoked() -> None:
    """Vault granted a lease, and the answer holds no key: its id is known."""
    fault = Fault(FaultKind.MALFORMED, "no field api_key", orphan=("openai/creds/billing/1", 3600))
    world = World(policy(), rules=(Rule((Issue,), fault, end=1010),)).start().run(60)
    assert world.calls["Revoke"] >= 1
    assert world.logged("lease.revoked")[0]["lease_id"] == "openai/creds/billing/1"
    assert isinstance(world.key().cycle, BackingOff) or world.holds()


def test_a_token_that_is_invalid_needs_no_revocation() -> None:
    vault = Vault(token_ttl=1200, token_max=1200, lease_ttl=36_000)
    world = World(policy(overlap=60, **QUIET), vault, rules=(Rule((RevokeToken,), INVALID),))
    world.start().run(1190)
    assert world.calls["RevokeToken"] == 1
    assert not world.state.tokens.retired


def test_an_unwrapped_secret_id_is_kept_for_the_next_login() -> None:
    unwrapped = Unwrapped("0123abcd", Secret("secret-id"))
    world = World(policy(), rules=(Rule((LogIn,), AWAY, end=1010),)).start()
    world.send(CredentialUnwrapped(unwrapped)).run(20)
    logins = [order.unwrapped for _, order in world.log if isinstance(order, LogIn)]
    assert logins[0] is None
    assert set(logins[1:]) == {unwrapped}
    assert world.state.tokens.unwrapped == unwrapped


def test_one_keys_fault_is_not_the_others() -> None:
    """vault#26283: one bad template refetched everything."""
    rules = (Rule((Issue,), FORBIDDEN, names=("bad",)),)
    world = World(policy("bad", "good"), rules=rules).start().run(1500)
    assert world.holds("good")
    asked = [order.name for _, order in world.log if isinstance(order, Issue)]
    assert asked.count("good") == 1
    assert world.fault("bad") == FORBIDDEN
    assert world.fault("good") is None
