"""Behaviour 7: never more mints in a minute than the budget allows."""

from __future__ import annotations

from freshkey.core.agent.budget import grant_mints
from freshkey.core.model.actions import (
    Issue,
    LogIn,
    LookUp,
    LookUpToken,
    Order,
    Renew,
    RenewToken,
    Revoke,
    RevokeToken,
)
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.policy import Subject
from freshkey.core.model.state import Minting, Reason, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.pacing.chance import Chance
from freshkey.core.pacing.context import StepContext

from tests.core.scripts import THROTTLED, Rule, policy
from tests.core.vault import Vault
from tests.core.world import World

CALLS: tuple[type[Order], ...] = (
    *(Issue, Renew, LookUp, Revoke),
    *(LogIn, RenewToken, LookUpToken, RevokeToken),
)
QUIET = {"check_every": 0, "probe_every": 0}
TEN = tuple(f"key-{number}" for number in range(10))


def test_the_budget_holds_over_any_60_s() -> None:
    """World.send checks it at every mint."""
    world = World(policy(*TEN, budget=4, **QUIET)).start().run(59)
    assert len(world.mints) == 4
    world.run(2)
    assert len(world.mints) == 8
    world.run(60)
    assert all(map(world.holds, TEN))


def test_what_is_exchanged_is_never_minted() -> None:
    """Even if it waits beside keys that are."""
    wanted = policy("minted", "exchanged")
    exchanged = replace(wanted.keys["exchanged"], subject=Subject.VAULT)
    wanted = replace(wanted, keys={**wanted.keys, "exchanged": exchanged})
    world = World(wanted).start().run(1)
    waiting = tuple(replace(key, cycle=Wanted(Reason.DUE)) for key in world.state.keys)
    held = world.state
    context = StepContext(world.now, Chance(1), wanted, held.tokens, held.link, None)
    after, _ = grant_mints(waiting, (), context)
    assert [type(key.cycle) for key in after] == [Minting, Wanted]


def test_the_budget_holds_over_restarts() -> None:
    world = World(policy(*TEN, budget=4, **QUIET)).start().run(30)
    world.restart()
    world.run(29)
    assert len(world.mints) == 4
    world.run(70)
    assert all(map(world.holds, TEN))


def test_no_limit() -> None:
    world = World(policy(*TEN, budget=0, **QUIET)).start().run(1)
    assert all(map(world.holds, TEN))


def test_those_nearest_to_their_end_come_first() -> None:
    vault = Vault()
    world = World(policy(*TEN, budget=1, **QUIET), vault).start()
    for seconds in range(10):
        vault.lease_ttl = 3000 + (seconds * 7 % 10) * 500
        world.run(60)
    ends = {key.name: key.current.lease.expires_at for key in world.state.keys if key.current}
    assert len(ends) == 10
    for name in TEN:
        world.send(RotateRequested(name))
    world.run(601)
    asked = [order.name for _, order in world.log if isinstance(order, Issue)][10:]
    waiting = sorted(TEN[1:], key=ends.__getitem__)
    assert [name for name in asked if name in waiting] == waiting


def test_a_refused_mint_is_given_back_to_the_budget_as_that_one() -> None:
    """Vault refused the first after 40 s; two later ones reached OpenAI, and go on counting."""
    rules = (Rule((Issue,), THROTTLED, names=("a",), end=1001, latency=40),)
    world = World(policy("a", "b", budget=4, overlap=0, **QUIET), rules=rules).start().run(30)
    for wait in (5, 26, 1, 1, 60):
        world.send(RotateRequested("b")).run(wait)
    assert world.holds("a")
    assert world.key("b").generation == 5, "two requests waited, and were served by one mint"


def test_a_mint_that_vault_refused_after_a_minute_counts_no_more_anyway() -> None:
    rules = (Rule((Issue,), THROTTLED, names=("a",), end=1001, latency=64),)
    world = World(policy("a", "b", budget=2, **QUIET), rules=rules).start().run(62)
    world.send(RotateRequested("b")).run(120)
    assert world.holds("a")
    assert world.key("b").generation == 2
