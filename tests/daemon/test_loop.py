"""The main loop in virtual time: trio's clock jumps to the next deadline."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.core.keys.adoption import fresh
from freshkey.core.model import actions, events
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus
from freshkey.daemon.loop import NAP, Loop

from tests.daemon.simulation import HOUR, Simulation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


@pytest.fixture
async def loop(simulation: Simulation, nursery: trio.Nursery) -> AsyncIterator[Loop]:
    """A loop that runs, with one key and checks and probes turned off."""
    policy = AgentPolicy({"billing": KeyPolicy(check_every=0, probe_every=0)})
    running = Loop(policy, fresh(policy), simulation)
    nursery.start_soon(running.run, simulation)
    yield running
    running.send(events.StopRequested())


async def until(condition: Callable[[], bool], seconds: float) -> None:
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - the clock is virtual
            await trio.sleep(0.5)


async def test_three_days_of_rotations(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(3 * 24 * HOUR)
    times = [at for at, _ in simulation.published]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.47 * HOUR
    assert max(gaps) <= 0.67 * HOUR + 1
    assert loop.state.keys[0].generation == len(times)
    assert len(simulation.vault.alive(simulation.now())) <= 2


async def test_a_machine_that_was_suspended_is_back_within_a_nap(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(60)
    simulation.suspended += 5 * HOUR
    woken_at = trio.current_time()
    await until(lambda: loop.state.keys[0].generation == 2, NAP + 5)
    assert trio.current_time() - woken_at <= NAP + 1
    assert simulation.shown[-1].status is KeyStatus.FRESH


async def test_five_hours_without_vault(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(60)
    simulation.away = True
    before = len(simulation.orders)
    await trio.sleep(5 * HOUR)
    assert len(simulation.orders) - before < 5 * HOUR / 2 * 1.2
    simulation.away = False
    await until(lambda: simulation.shown[-1].status is KeyStatus.FRESH, 5)
    assert loop.state.keys[0].generation == 2


async def test_clock_jump_looks_the_lease_up(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(60)
    before = len(simulation.orders)
    simulation.clock_jumps = 1
    await trio.sleep(NAP + 1)
    made = {type(order).__name__ for order in simulation.orders[before:]}
    assert {"LookUp", "LookUpToken"} <= made
    loop.send(events.ClockJumped())


async def test_readers_see_a_generation_after_its_files(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(HOUR)
    tags = [view.publication.tag for view in simulation.shown if view.publication]
    assert list(dict.fromkeys(tags)) == [tag for _, tag in simulation.published]
    assert loop.state.keys[0].generation == 2


async def test_a_login_is_finished_when_its_token_is_kept(
    loop: Loop, simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    simulation.vault.token_ttl = simulation.vault.token_max = HOUR
    await trio.sleep(3 * HOUR)
    logins = [order for order in simulation.orders if isinstance(order, actions.LogIn)]
    assert simulation.finished == list(range(1, len(logins) + 1))
    assert len(logins) > 2


async def test_stop_waits_for_the_mint(autojump_clock: trio.testing.MockClock) -> None:
    simulation = Simulation(latency=3)
    policy = AgentPolicy({"billing": KeyPolicy()})
    loop = Loop(policy, fresh(policy), simulation)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run, simulation)
        await until(lambda: any(isinstance(o, actions.Issue) for o in simulation.orders), 10)
        loop.send(events.StopRequested())
        with trio.fail_after(4):
            await until(lambda: simulation.gave_up, 4)
    assert len(simulation.vault.alive(simulation.now())) == 1
    (key,) = loop.state.keys
    assert type(key.cycle).__name__ == "Testing"


async def test_what_comes_after_the_end_is_for_the_next_loop(
    simulation: Simulation, autojump_clock: trio.testing.MockClock
) -> None:
    policy = AgentPolicy({"billing": KeyPolicy(check_every=0, probe_every=0)})
    loop = Loop(policy, fresh(policy), simulation)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run, simulation)
        await trio.sleep(60)
        loop.pause(replace(policy))
    late = events.RotateRequested("billing")
    loop.send(late)
    loop.send(events.StopRequested())  # the next loop is told by whoever stops the agent
    loop.stop()
    assert loop.is_paused
    assert loop.policy is not policy, "what the pause has asked for is the last word"
    assert loop.not_taken() == [late]
    assert loop.not_taken() == []


async def test_stop_gives_a_mint_up_after_its_grace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    simulation = Simulation(latency=60)
    policy = AgentPolicy({"billing": KeyPolicy(stop_grace=20)})
    loop = Loop(policy, fresh(policy), simulation)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.run, simulation)
        await until(lambda: any(isinstance(o, actions.Issue) for o in simulation.orders), 100)
        asked_at = trio.current_time()
        loop.send(events.StopRequested())
        await until(lambda: simulation.gave_up, 30)
        assert 20 <= trio.current_time() - asked_at <= 26
    # Its answer comes after the end: no longer acted on, but journaled and told.
    told = [record.event for record in simulation.records]
    assert told[-1] == "key.minted"
    assert simulation.kept[-1].keys[0].call is None
