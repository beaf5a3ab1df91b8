"""Behaviour 7: never more mints in a minute than the budget allows."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.agent.budget import grant_mints, recount
from freshkey.core.model.actions import Issue, Refresh
from freshkey.core.model.events import Refreshed, RotateRequested
from freshkey.core.model.grants import Grant
from freshkey.core.model.policy import Subject
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Minting, Reason, Wanted
from freshkey.core.model.struct import replace

from tests.core.contexts import context_of
from tests.core.scripts import FORBIDDEN, LIMITED, THROTTLED, Rule, policy
from tests.core.static import REFRESH, static
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState

QUIET = {"check_every": 0, "probe_every": 0}
TEN = tuple(f"key-{number}" for number in range(10))


def waiting(world: World) -> tuple[KeyState, ...]:
    """The keys of a world, each in want of a mint."""
    return tuple(replace(key, cycle=Wanted(Reason.DUE)) for key in world.state.keys)


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
    minted, exchanged_key = waiting(world)
    after, _ = grant_mints((minted, exchanged_key), (), context_of(world))
    assert isinstance(after[0].cycle, Minting)
    assert after[1] == exchanged_key


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


def test_a_mint_that_openai_was_asked_for_counts_although_it_failed() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), LIMITED),)).start().run(1)
    assert len(world.state.mints) == 1


def test_a_mint_that_vault_refused_does_not_count() -> None:
    world = World(policy(**QUIET), rules=(Rule((Issue,), FORBIDDEN),)).start().run(1)
    assert world.state.mints == ()


def test_a_refused_mint_is_not_given_back_for_another_key() -> None:
    rules = (
        Rule((Issue,), FORBIDDEN, names=("a",)),
        Rule((Issue,), names=("b",), latency=20),
    )
    world = World(policy("a", "b", **QUIET), rules=rules).start().run(1)
    assert len(world.state.mints) == 1


def test_a_read_of_what_vault_only_keeps_does_not_count() -> None:
    world = static().run(2 * REFRESH)
    assert world.calls["Refresh"] > 0
    assert world.state.mints == ()


def test_a_read_that_turned_out_to_be_a_mint_counts_beside_the_others() -> None:
    world = World(policy("a", **QUIET)).start().run(1)
    order = Refresh("a", 1, Secret("hvs.1"))
    grant = Grant("openai/creds/a/9", 3600, renewable=False, secret=Secret("sk-9"), asked_at=1)
    counted = recount(world.state, Refreshed(order, grant), context_of(world))
    assert counted.mints == (*world.state.mints, world.now)


def test_a_limit_that_was_lowered_gives_nothing_while_more_was_minted() -> None:
    world = World(policy("a", "b", budget=2, **QUIET)).start().run(1)
    before = (world.now,) * 3
    held, mints = grant_mints(waiting(world), before, context_of(world))
    assert [type(key.cycle) for key in held] == [Wanted, Wanted]
    assert mints == before


@pytest.mark.parametrize("budget", [3, 4])
def test_nobody_wakes_for_a_limit_that_suffices(budget: int) -> None:
    world = World(policy("a", "b", budget=budget, **QUIET)).start().run(1)
    context = context_of(world)
    held, _ = grant_mints(waiting(world), (world.now,), context)
    assert [type(key.cycle) for key in held] == [Minting, Minting]
    assert context.wake_at == inf


def test_nothing_changes_while_no_key_waits() -> None:
    """Not even mints of long ago are forgotten, for which the journal would be written."""
    world = World(policy("a", **QUIET)).start().run(600)
    held, mints = world.state.keys, world.state.mints
    assert len(mints) == 1
    assert grant_mints(held, mints, context_of(world)) == (held, mints)


def test_a_key_that_is_missing_comes_before_one_that_ended_long_ago() -> None:
    """Even if that was at an instant before zero, as after a reboot."""
    world = World(policy("ended", "missing", budget=1, **QUIET)).start().run(1)
    ended, missing = waiting(world)
    assert ended.current is not None
    lease = replace(ended.current.lease, expires_at=-100.0)
    held = (
        replace(ended, current=replace(ended.current, lease=lease)),
        replace(missing, current=None),
    )
    granted, _ = grant_mints(held, (), context_of(world))
    assert [type(key.cycle) for key in granted] == [Wanted, Minting]
