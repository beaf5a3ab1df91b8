"""The loop's environment and executor in virtual time: its clock is trio's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import trio
from freshkey.core.model import actions, events
from freshkey.core.model.faults import Fault, FaultKind
from freshkey.core.model.state import AgentState
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import KeyView
from freshkey.daemon.executor import RemoteOrder

from tests.core.vault import Vault

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

    def write_journal(self, state: AgentState) -> None:
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
            (key,) = (key for key in self.kept[-1].keys if key.name == order.name)
            assert key.call == "mint", "the intent is kept before the mint"
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
