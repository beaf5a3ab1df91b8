"""The agent's loop and executor in this process, with the real Vault: logins over and over."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import trio
from freshkey.core.keys.adoption import fresh
from freshkey.core.model.actions import Publish, Record, Withdraw
from freshkey.core.model.events import CredentialChanged, Published, RotateRequested, Withdrawn
from freshkey.daemon.counters import Counters
from freshkey.daemon.executor import RemoteExecutor
from freshkey.daemon.loop import Loop
from freshkey.host.clock import boot_time
from freshkey.settings.desired_state import desired_state
from freshkey.settings.loading import load

from tests.agent.harness import PATIENCE, configuration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.core.model.state import AgentState
    from freshkey.core.model.view import KeyView

    from tests.agent.harness import Engine

LOGINS = 50


@dataclass
class FastClockEnvironment:
    """The loop's world, without files; `ahead` is how far its clock was put on."""

    ahead: float = 0.0
    records: list[Record] = field(default_factory=list)

    def now(self) -> float:
        return boot_time() + self.ahead

    def jumped(self) -> bool:
        return False

    def seed(self) -> int:
        return secrets.randbits(64)

    def write_journal(self, state: AgentState) -> None:
        pass

    def publish(self, order: Publish | Withdraw) -> Published | Withdrawn:
        return Published(order) if isinstance(order, Publish) else Withdrawn(order)

    def show(self, shown: KeyView) -> None:
        pass

    def record(self, record: Record) -> None:
        self.records.append(record)


async def wait_until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what Vault does is told by nobody
            await trio.sleep(0.005)


async def test_fifty_logins_of_one_process_leave_no_token_behind(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "secret_id").write_text(engine.secret_id)
    text = configuration(engine, engine.vault.address, overlap='"0s"')
    text = text.replace("[auth]", f'[auth]\nmount = "{engine.mount}"', 1)
    file = tmp_path / "config.toml"
    file.write_text(text.replace("[vault]", "[vault]\nmax_mints_per_minute = 0", 1))
    settings = load(file, {})
    policy, environment = desired_state(settings).policy, FastClockEnvironment()
    loop = Loop(policy, fresh(policy), environment)
    executor = RemoteExecutor(settings, loop.send, Counters())

    def logged_in(count: int) -> bool:
        return loop.state.tokens.count == count

    def settled(count: int) -> bool:
        tokens, (key,) = loop.state.tokens, loop.state.keys
        return tokens.count == key.generation == count and not (tokens.retired or key.retired)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(executor.prepare, 0)
        nursery.start_soon(loop.run, executor)
        await wait_until(partial(settled, 1))
        for number in range(2, LOGINS + 1):
            environment.ahead += 2  # two logins are a second apart
            loop.send(CredentialChanged())
            await wait_until(partial(logged_in, number))
            loop.send(RotateRequested("billing"))
            await wait_until(partial(settled, number))
        nursery.cancel_scope.cancel()
    await executor.aclose()
    current = loop.state.tokens.current
    assert current is not None
    assert [data["accessor"] for data in engine.tokens()] == [current.accessor]
    events = [record.event for record in environment.records]
    assert events.count("token.logged_in") == LOGINS
    assert events.count("token.revoked") == LOGINS - 1
    await wait_until(lambda: engine.counts()["live"] == 1)  # Vault has taken a revocation over
