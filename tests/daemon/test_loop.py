"""The main loop in virtual time: trio's clock jumps to the next deadline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.core.keys.adoption import fresh
from freshkey.core.model import actions, events
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.core.model.state import AgentState
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import KeyStatus, KeyView
from freshkey.daemon.executor import RemoteOrder
from freshkey.daemon.loop import NAP, Loop

from tests.core.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


HOUR = 3600.0
AWAY = Fault(FaultKind.UNREACHABLE, "connection refused")


@dataclass
class Simulation:
    """The loop's environment and executor; `suspended` seconds count on the lease clock only."""

    vault: Vault = field(default_factory=lambda: Vault(lease_ttl=HOUR))
    suspended: float = 0.0
    clock_jumps: int = 0
    latency: float = 0.01
    away: bool = False
    shown: list[KeyView] = field(default_factory=list)
    records: list[actions.Record] = field(default_factory=list)
    orders: list[RemoteOrder] = field(default_factory=list)
    kept: list[AgentState] = field(default_factory=list)
    published: list[tuple[float, str]] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)  # tokens, once their logins were over
    gave_up: bool = False
    _seeds: Iterator[int] = field(default_factory=count)

    def now(self) -> float:
        return trio.current_time() + self.suspended

    def jumped(self) -> bool:
        self.clock_jumps, jumped = max(0, self.clock_jumps - 1), self.clock_jumps > 0
        return jumped

    def seed(self) -> int:
        return next(self._seeds)

    def keep(self, state: AgentState) -> None:
        self.kept.append(state)

    def publish(
        self, order: actions.Publish | actions.Withdraw
    ) -> events.Published | events.Withdrawn:
        if isinstance(order, actions.Withdraw):
            return events.Withdrawn(order)
        self.published.append((self.now(), order.publication.tag))
        return events.Published(order)

    def show(self, shown: KeyView) -> None:
        self.shown.append(shown)

    def record(self, record: actions.Record) -> None:
        self.records.append(record)

    async def perform(self, order: RemoteOrder) -> events.Event:
        if isinstance(order, actions.Issue):
            assert self.kept[-1].keys[0].call == "mint", "the intent is kept before the mint"
        self.orders.append(order)
        with trio.CancelScope(shield=isinstance(order, actions.Issue)):
            await trio.sleep(self.latency)
        if isinstance(order, actions.Test):
            good = self.vault.accepts(order.secret.reveal(), self.now())
            return events.Tested(
                order, Finding(Verdict.GOOD if good else Verdict.REFUSED, "simulated")
            )
        if self.away:
            return events.Failed(order, AWAY)
        return self.vault.perform(order, self.now(), self.now())

    def finish_login(self) -> None:
        token = self.kept[-1].tokens.current
        assert token is not None, "the token is kept before its credential may go"
        self.finished.append(token.number)

    def give_up(self) -> None:
        self.gave_up = True


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
