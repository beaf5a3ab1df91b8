"""Behaviour 8: no wait after a fault outlasts a key that was good when it began."""

from __future__ import annotations

from typing import Any

import pytest
from freshkey.core.model.actions import Issue, LogIn
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, Subject
from freshkey.core.pacing.backoff import SLOW_BASE, TO_SPARE, delay
from hypothesis import given
from hypothesis import strategies as st

from tests.core.scripts import BAD_REQUEST, FORBIDDEN, Rule, gaps, policy
from tests.core.vault import Vault
from tests.core.world import World

QUIET: dict[str, Any] = {"check_every": 0, "probe_every": 0}
TWENTY = tuple(f"key-{number}" for number in range(20))
GARBLED = Fault(FaultKind.MALFORMED, "this is no answer of Vault's")
LOST_AND_GARBLED = Fault(FaultKind.MALFORMED, "this is no answer of Vault's", unanswered=True)
MENDABLE = (GARBLED, FORBIDDEN, BAD_REQUEST, Fault(FaultKind.NOT_FOUND, "no secret"))


@given(
    st.sampled_from(MENDABLE),
    st.integers(1, 40),
    st.floats(0, 1),
    st.floats(SLOW_BASE, 1e6),
)
def test_a_try_falls_before_the_end(
    fault: Fault, failures: int, draw: float, remaining: float
) -> None:
    wait = delay(fault, failures, draw, remaining)
    assert wait <= max(SLOW_BASE, remaining - TO_SPARE)
    longest = delay(fault, failures, draw, 0.0)
    assert wait == longest or longest > remaining - TO_SPARE, "shortened for no reason"


def check_held(world: World) -> None:
    """All is well again 40 s before the keys end."""
    world.start().run(5)
    world.step_hooks.append(lambda: _hold(world))
    world.run(800)
    assert world.key("a").generation >= 2


def _hold(world: World) -> None:
    assert world.holds("a"), f"seed {world.seed}, at {world.now}"
    assert world.holds("b"), f"seed {world.seed}, at {world.now}"


@pytest.mark.parametrize("fault", MENDABLE, ids=lambda fault: fault.kind)
@pytest.mark.parametrize("seed", range(10))
def test_a_mint_that_works_again_before_the_end(fault: Fault, seed: int) -> None:
    rules = (Rule((Issue,), fault, start=1200, end=1560),)
    check_held(World(policy("a", "b", overlap=60, **QUIET), Vault(lease_ttl=600), rules, seed=seed))


@pytest.mark.parametrize("fault", MENDABLE, ids=lambda fault: fault.kind)
@pytest.mark.parametrize("seed", range(10))
def test_a_login_that_works_again_before_the_end(fault: Fault, seed: int) -> None:
    """A mint whose answer is garbled may have left a lease, so the next needs another token."""
    rules = (
        Rule((Issue,), LOST_AND_GARBLED, start=1200, end=1560),
        Rule((LogIn,), fault, start=1200, end=1560),
    )
    check_held(World(policy("a", "b", overlap=60, **QUIET), Vault(lease_ttl=600), rules, seed=seed))


@pytest.mark.parametrize("seed", range(10))
def test_a_login_that_works_again_before_the_token_ends(seed: int) -> None:
    rules = (Rule((LogIn,), GARBLED, start=1200, end=1560),)
    vault = Vault(token_ttl=600, token_renewable=False, lease_ttl=36_000)
    check_held(World(policy("a", "b", overlap=60, **QUIET), vault, rules, seed=seed))


def test_each_end_costs_a_few_logins() -> None:
    """Six keys end at a time, because six were minted in a minute, and no login works any more."""
    rules = (
        Rule((Issue,), LOST_AND_GARBLED, start=1250),  # so another token is needed
        Rule((LogIn,), GARBLED, start=1250),
    )
    world = World(policy(*TWENTY, **QUIET), Vault(lease_ttl=600), rules=rules).start().run(1200)
    logins = [at for at in world.times(LogIn) if at > 1500]
    ends = (1600, 1660, 1720, 1780)
    for end in ends:
        assert any(end - 3 * TO_SPARE < at < end for at in logins), f"{end} is awaited: {logins}"
    assert len(logins) <= 4 * len(ends)
    assert min(gaps(logins)) >= 1.0


def test_a_key_that_needs_no_vault_hurries_no_login() -> None:
    """Its end comes every two minutes, and is no reason to ask Vault sooner."""
    keys = {"a": KeyPolicy(subject=Subject.FILE, overlap=10, **QUIET), "b": KeyPolicy(**QUIET)}
    tries, alone = 0, 0
    for seed in range(20):
        rules, vault = (Rule((LogIn,), FORBIDDEN),), Vault(exchange_ttl=120)
        world = World(AgentPolicy(keys), vault, rules=rules, seed=seed).start().run(3600)
        assert world.calls["Exchange"] > 3600 / 120
        tries += world.calls["LogIn"]
        world = World(policy("b", **QUIET), Vault(), rules=rules, seed=seed).start().run(3600)
        alone += world.calls["LogIn"]
    assert tries <= 1.1 * alone
