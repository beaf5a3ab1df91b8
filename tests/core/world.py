"""Everything around the core, simulated: runs it through years in seconds.

The world performs every order, answers it with one event, and checks at each step what must
always hold. What goes wrong is a script: rules that make orders fail, or slow, for a while.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from freshkey.core.agent.resting import NONE_RESTING, Resting
from freshkey.core.agent.step import step
from freshkey.core.keys.adoption import DesiredState, adopt, fresh
from freshkey.core.keys.shifting import shifted
from freshkey.core.model.actions import (
    Exchange,
    Issue,
    LookUp,
    Order,
    Publish,
    Record,
    Refresh,
    Renew,
    Revoke,
    RevokeToken,
    Test,
    Withdraw,
)
from freshkey.core.model.events import (
    Event,
    Failed,
    Issued,
    Started,
    Tested,
    Woke,
)
from freshkey.core.model.ledger import Source, to_ledger
from freshkey.core.model.policy import AgentPolicy
from freshkey.core.model.struct import replace
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.pacing.chance import Chance

from tests.core.checks import check_budget, check_ending, reached_openai
from tests.core.observed import Observed
from tests.core.scripts import ORIGIN, PROMPT, ForcedVerdict, Rule, sources
from tests.core.vault import Vault, VaultOrder

if TYPE_CHECKING:
    from freshkey.core.keys.adoption import Adopted

_FOR_KEY = (Issue, Refresh, Exchange, Renew, LookUp, Revoke)
_UNIT = 1_000_003
_MINUTE = 60 - 1e-6


class Crashed(Exception):  # noqa: N818 - it is not a fault of the code
    """The agent was killed after its journal was written, before it acted."""


@dataclass
class World(Observed):
    """One agent and what is around it. Vault's clock may run ahead of the agent's, by `skew`."""

    policy: AgentPolicy
    vault: Vault = field(default_factory=Vault)
    rules: tuple[Rule, ...] = ()
    forced_verdicts: tuple[ForcedVerdict, ...] = ()
    skew: float = 0.0
    seed: int = 1
    pace: float = 0.0  # seconds for which an answer waits for others, to be absorbed with them
    lost_leases: set[str] = field(default_factory=set)  # leases of which the agent was never told
    step_hooks: list[Callable[[], None]] = field(default_factory=list)  # called after each step
    max_live_leases: int = 0
    finished: bool = False
    sources: Mapping[str, Source] = field(default_factory=dict)  # as the last start desired them
    steps: int = 0
    crashes: frozenset[int] = frozenset()  # the steps at which the agent is killed
    in_flight: Counter[str] = field(default_factory=Counter)
    _queue: list[tuple[float, int, Event]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    wake_at: float = inf
    compares_steps: bool = False  # each with one that plans for all keys
    _resting: Resting = NONE_RESTING

    def start(self) -> World:
        self.state = fresh(self.policy)
        self.send(Started())
        return self

    def send(self, *events: Event) -> World:
        """Step the core; files are written, and that is answered, before anything else happens."""
        while events:
            self.steps += 1
            chance = Chance(self.seed * _UNIT + self.steps)
            result = step(self.policy, self.state, events, self.now, chance, resting=self._resting)
            assert result.wake_at > self.now, "a step that wants to be woken at once spins"
            if self.compares_steps:
                whole = step(self.policy, self.state, events, self.now, chance)
                assert replace(whole, resting=result.resting) == result, "a key rests that may not"
            self.state, self.wake_at = result.state, result.wake_at
            self._resting = result.resting
            self.finished = self.finished or result.finished
            if self.steps in self.crashes:
                raise Crashed
            answers = []
            for action in result.actions:
                match action:
                    case Record():
                        self.records.append((self.now, action))
                    case Publish() | Withdraw():
                        answers.append(self.output(action))
                    case _:
                        self._order(action)
            events = tuple(answers)
        for hook in self.step_hooks:
            hook()
        return self

    def pending(self) -> list[Event]:
        """The answers under way."""
        return [event for _, _, event in self._queue]

    def run(self, seconds: float) -> World:
        """Let time pass, from deadline to deadline."""
        return self.run_until(lambda: False, seconds)

    def run_until(self, reached: Callable[[], bool], seconds: float) -> World:
        """Let time pass until something is so, `seconds` at most."""
        until = self.now + seconds
        while not (self.finished or reached()):
            arrival = self._queue[0][0] if self._queue else inf
            at = min(arrival, self.wake_at)
            assert at < inf, "nothing is under way, and nothing will ever be due"
            if at > until:
                self.now = until
                break
            if arrival <= at:
                at = min(arrival + self.pace, self.wake_at)
            self.now = max(self.now, at)
            self.send(*self._arrived() or [Woke()])
        return self

    def restart(
        self, desired_state: DesiredState | None = None, *, reboot: float | None = None
    ) -> Adopted:
        """Kill the agent, with all answers under way, and start it with its journal.

        `reboot` moves the lease clock, as a new boot does.
        """
        written = self.sources or sources(self.policy)
        desired_state = desired_state or DesiredState(self.policy, ORIGIN, written)
        ledger = to_ledger(self.state, ORIGIN, written)
        if reboot is not None:
            ledger = shifted(ledger, reboot)
            self.now, self.skew = self.now + reboot, self.skew - reboot
        for _, _, event in self._queue:
            self._lose(event)
        self._queue.clear()
        self.in_flight.clear()
        adopted = adopt(ledger, desired_state, self.now, rebooted=reboot is not None)
        self.policy, self.state, self.finished = desired_state.policy, adopted.state, False
        self.sources = desired_state.sources
        self.send(Started())
        return adopted

    def alive(self) -> int:
        return len(self.vault.alive(self.now + self.skew))

    def holds(self, name: str = "billing") -> bool:
        """Whether what readers of a key have is accepted by OpenAI now."""
        return self.vault.accepts(self.file_keys.get(name, ""), self.now + self.skew)

    def _order(self, order: Order) -> None:
        self.calls[type(order).__name__] += 1
        self.log.append((self.now, order))
        if isinstance(order, _FOR_KEY):
            self.in_flight[order.name] += 1
            assert self.in_flight[order.name] == 1, "two requests under way for one key"
        answer, latency = self._answer(order)
        if isinstance(order, Issue) and reached_openai(answer):
            self.mints.append(self.now)
            check_budget(self)
        heapq.heappush(self._queue, (self.now + latency, next(self._numbers), answer))

    def _arrived(self) -> list[Event]:
        """The answers that are there now."""
        arrived = []
        while self._queue and self._queue[0][0] <= self.now:
            event = heapq.heappop(self._queue)[2]
            order = getattr(event, "order", None)
            if isinstance(order, _FOR_KEY):
                self.in_flight[order.name] -= 1
            arrived.append(event)
        return arrived

    def _answer(self, order: Order) -> tuple[Event, float]:
        for rule in self.rules:
            if rule.holds(order, self.now):
                if rule.fault is None:
                    return self._perform(order), rule.latency
                if rule.acts:
                    self._lose(self._perform(order))
                return Failed(order, rule.fault), rule.latency
        return self._perform(order), PROMPT

    def _lose(self, event: Event) -> None:
        if isinstance(event, Issued) and event.grant.lease_id:
            self.lost_leases.add(event.grant.lease_id)

    def _perform(self, order: Order) -> Event:
        if isinstance(order, Test):
            forced = [s.verdict for s in self.forced_verdicts if s.start <= self.now < s.end]
            accepted = self.vault.accepts(order.secret.reveal(), self.now + self.skew)
            truth = Verdict.GOOD if accepted else Verdict.REFUSED
            return Tested(order, Finding(forced[0] if forced else truth, "simulated"))
        assert isinstance(order, VaultOrder)
        if isinstance(order, Revoke | RevokeToken):
            check_ending(self, order)
        answer = self.vault.perform(order, self.now + self.skew, self.now)
        if isinstance(order, Issue):
            self.max_live_leases = max(self.max_live_leases, self.alive())
        return answer
