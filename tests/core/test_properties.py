"""What holds for every script of faults. World.send checks more: see there."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.actions import Ping
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.state import Idle
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.core.checks import check_nothing_is_forgotten, check_nothing_more_is_due, known
from tests.core.incidents import happen, mend
from tests.core.strategies import CALLS, FAULTY, START, Script, scripts
from tests.core.world import Crashed, World

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.no_cover  # the tables cover the core; tracing takes thrice the time

thorough = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink a script takes minutes, and it is printed as it is
    suppress_health_check=list(HealthCheck),
)

LONGEST_WAIT = 900.0 + 65.0  # the ladder of refused keys, and a mint that takes its time
SETTLING = 3 * LONGEST_WAIT


def play(script: Script, crashes: frozenset[int] = frozenset(), *, watched: bool = True) -> World:
    """Run a script to the end of its faults; the agent is killed at the steps named."""
    world = script.world()
    world.crashes = crashes
    if watched:
        world.compares_steps = True
        world.step_hooks.append(lambda: check_nothing_is_forgotten(world))
        world.step_hooks.append(lambda: check_nothing_more_is_due(world))
    survive(world, world.start)
    for incident in script.incidents:
        survive(world, lambda at=incident.at: world.run(max(0.0, at - world.now)))  # type: ignore[misc]  # as in test_tokens
        survive(world, lambda what=incident: happen(world, what))  # type: ignore[misc]  # as in test_tokens
    survive(world, lambda: world.run(max(0.0, START + FAULTY - world.now)))
    mend(world)
    return world


def survive(world: World, go_on: Callable[[], object]) -> None:
    """Go on; an agent that is killed starts again with its journal, and then goes on."""
    while True:
        try:
            go_on()
        except Crashed:
            go_on = partial(restart, world)
        else:
            break


def restart(world: World) -> None:
    before = {key.name: (key.generation, key.current) for key in world.state.keys}
    adopted = world.restart()
    after = {key.name: (key.generation, key.current) for key in adopted.state.keys}
    assert after == before, "a published key has another tag"
    world.run(max(0.0, START + FAULTY - world.now))


def steady(world: World) -> bool:
    state = world.state
    tokens = state.tokens
    return (
        not state.link.away
        and (tokens.current is not None or not world.policy.uses_vault)
        and tokens.trouble is None
        and (tokens.current is None or not tokens.recheck)
        and all(
            world.holds(key.name)
            and isinstance(key.cycle, Idle)
            and key.trouble is None
            and not key.watch.stale
            and not key.watch.claimed
            and not any(retired.failures for retired in key.retired)
            for key in state.keys
        )
    )


def tidy(world: World) -> bool:
    """One lease for each key that has one, one token."""
    federated = sum(key.subject is not None for key in world.policy.keys.values())
    leased = len(world.state.keys) - len(world.vault.static_keys) - federated
    return steady(world) and world.alive() == leased == len(known(world))


@thorough
@given(scripts)
def test_it_settles_after_the_last_fault(script: Script) -> None:
    world = play(script)
    world.run_until(lambda: steady(world), SETTLING)
    assert steady(world)
    vault = world.vault
    overlap = max(policy.overlap for policy in script.policy.keys.values())
    revocable = vault.token_kind is TokenKind.SERVICE
    if revocable and min(vault.lease_ttl, vault.token_ttl, vault.token_max) > 4 * overlap:
        longest = vault.lease_ttl + 2 * 300
        world.run_until(lambda: tidy(world), longest)
        assert tidy(world)


# Waits double from a tenth of a second, at least, to 6 s: 16 tries of one thing in a minute. A key
# asks for a mint, a check or a renewal, and the revocation of each lease that it has retired; the
# agent pings every 2 s, and asks for its token.
PER_KEY = 40
PER_AGENT = 60


def busiest(times: list[float], window: float) -> int:
    """The most calls in any `window` seconds."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


@thorough
@given(scripts)
def test_the_call_rate_is_bounded(script: Script) -> None:
    world = play(script, watched=False)
    calls: dict[str, list[float]] = defaultdict(list)
    for at, order in world.log:
        if isinstance(order, (*CALLS, Ping)):
            calls[getattr(order, "name", "agent")].append(at)
    for name, times in calls.items():
        assert busiest(times, 60) <= (PER_AGENT if name == "agent" else PER_KEY)


@thorough
@given(scripts, st.frozensets(st.integers(1, 300), max_size=4))
def test_a_crash_at_any_step_loses_nothing(script: Script, crashes: frozenset[int]) -> None:
    world = play(script, crashes)
    world.crashes = frozenset()
    world.run_until(lambda: steady(world), SETTLING)
    assert steady(world)
