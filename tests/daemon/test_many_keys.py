"""Many keys in one agent, in virtual time: what a key costs does not grow with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.keys import lifecycle
from freshkey.core.keys.adoption import fresh
from freshkey.core.model.actions import Issue
from freshkey.core.model.events import RotateRequested
from freshkey.core.model.ledger import to_ledger
from freshkey.core.model.policy import AgentPolicy, KeyPolicy
from freshkey.daemon.loop import PACE, Loop
from freshkey.outputs.codec import Header, encode

from tests.core.scripts import ORIGIN, sources
from tests.daemon.simulation import HOUR, Simulation

if TYPE_CHECKING:
    from freshkey.core.model.events import Event
    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.core.pacing.context import StepContext
    from freshkey.daemon.executor import RemoteOrder

SECONDS_A_CALL = 0.005  # Vault and OpenAI answer one after the other
HEADER = Header("machine", "boot", 0.0, 0.0)


class Busy(Simulation):
    """Answers one order at a time, and counts the bytes of the journal."""

    def __init__(self, policy: AgentPolicy) -> None:
        super().__init__(latency=SECONDS_A_CALL)
        self._policy = policy
        self._one = trio.Lock()
        self.written = 0
        self.minted_at: list[float] = []
        self.stepped_at: list[float] = []

    async def perform(self, order: RemoteOrder) -> Event:
        if isinstance(order, Issue):
            self.minted_at.append(trio.current_time())
        async with self._one:
            return await super().perform(order)

    def write_journal(self, state: AgentState) -> None:
        self.stepped_at.append(trio.current_time())
        changed = not self.kept or self.kept[-1] != state
        super().write_journal(state)
        if changed:
            self.written += len(encode(HEADER, to_ledger(state, ORIGIN, sources(self._policy))))


async def start(count: int) -> tuple[Busy, float]:
    """Start an agent of so many keys; return what it did, and the seconds until they were out."""
    names = [f"key-{number}" for number in range(count)]
    policy = AgentPolicy(dict.fromkeys(names, KeyPolicy()), max_mints_per_minute=0)
    busy = Busy(policy)
    loop = Loop(policy, fresh(policy), busy)
    began = trio.current_time()
    await loop.run(busy, until=is_out)
    return busy, trio.current_time() - began


def is_out(state: AgentState) -> bool:
    return all(key.current is not None and not key.publishing for key in state.keys)


async def test_the_journal_does_not_grow_with_the_square_of_the_keys(
    autojump_clock: trio.testing.MockClock,
) -> None:
    few, many = [(await start(count))[0] for count in (20, 200)]
    assert many.written < 10 * few.written * 1.5


@pytest.mark.parametrize("count", [1, 200])
async def test_a_key_is_out_when_its_answers_are_there(
    autojump_clock: trio.testing.MockClock, count: int
) -> None:
    _, took = await start(count)
    calls = 1 + 2 * count  # a login; a mint and a test for each
    assert took <= calls * SECONDS_A_CALL + 0.2


async def test_keys_at_rest_are_planned_for_once(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, planned = lifecycle.settle, set[str]()

    def counting(key: KeyState, context: StepContext) -> KeyState:
        planned.add(key.name)
        return settle(key, context)

    monkeypatch.setattr(lifecycle, "settle", counting)
    policy = AgentPolicy({f"key-{n}": KeyPolicy() for n in range(50)}, max_mints_per_minute=0)
    busy = Busy(policy)
    loop = Loop(policy, fresh(policy), busy)

    async def rotate() -> None:
        await trio.sleep(20)
        planned.clear()
        loop.send(RotateRequested("key-7", compromised=False, now=False))
        await trio.sleep(5)
        loop.stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rotate)
        await loop.run(busy)
    assert planned == {"key-7"}, "the others rest"


async def test_keys_that_are_due_one_after_the_other_share_steps(
    autojump_clock: trio.testing.MockClock,
) -> None:
    count = 200
    names = [f"key-{number}" for number in range(count)]
    keys = dict.fromkeys(names, KeyPolicy(jitter=0, probe_every=0, check_every=0))
    policy = AgentPolicy(keys, max_mints_per_minute=0)
    busy = Busy(policy)
    loop = Loop(policy, fresh(policy), busy)
    starts: dict[str, float] = {}

    def is_replaced(state: AgentState) -> bool:
        if is_out(state) and not starts:
            starts.update(
                {key.name: key.current.lease.started_at for key in state.keys if key.current}
            )
        return len(busy.minted_at) == 2 * count

    await loop.run(busy, until=is_replaced)
    due = sorted(start + HOUR * 0.67 for start in starts.values())
    late = [at - point for at, point in zip(busy.minted_at[count:], due, strict=True)]
    assert min(late) > -0.001
    assert max(late) < PACE * count + 0.01
    steps = {at for at in busy.stepped_at if due[0] <= at <= due[-1]}
    assert len(steps) <= (due[-1] - due[0]) / (PACE * count) + 2
