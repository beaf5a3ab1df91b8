"""The main loop: wait for an event or a deadline, step the core, keep the journal, act."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, final

import trio

from freshkey.core.agent.step import step
from freshkey.core.keys.lifecycle import view
from freshkey.core.model.actions import Action, Publish, Record, Withdraw
from freshkey.core.model.events import ClockJumped, Event, LoggedIn, Started, StopRequested, Woke
from freshkey.core.pacing.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.events import Published, Withdrawn
    from freshkey.core.model.policy import AgentPolicy
    from freshkey.core.model.secret import Secret
    from freshkey.core.model.state import AgentState
    from freshkey.core.model.view import KeyView
    from freshkey.daemon.executor import RemoteOrder

NAP: Final = 30.0  # seconds; trio's clock stops with a suspended machine, the lease clock does not
TICK: Final = 0.001  # two clocks that differ by a rounding error must not make the loop spin


class Executor(Protocol):
    """Performs orders that leave the process."""

    async def perform(self, order: RemoteOrder) -> Event:
        """Do what is ordered, and answer with one event."""

    def finish_login(self) -> None:
        """Let go of what a login has used: the journal has its token."""

    def give_up(self) -> None:
        """Let go of a mint that is still under way."""


class Environment(Protocol):
    """What the loop needs of what is around it; tests put a simulated one in its place."""

    def now(self) -> float:
        """Seconds on the lease clock."""

    def jumped(self) -> bool:
        """Whether the wall clock has moved by more than 5 s since the last call."""

    def seed(self) -> int:
        """Fresh randomness for one step."""

    def write_journal(self, state: AgentState) -> None:
        """Put the state into the journal."""

    def publish(self, order: Publish | Withdraw) -> Published | Withdrawn:
        """Write or remove files, at once."""

    def show(self, shown: KeyView) -> None:
        """Let readers of the socket see a key."""

    def record(self, record: Record) -> None:
        """Put it into the log, or into the record for auditors."""


@final
class Loop:
    """Owns the state. `send` may be called at any time; `run` ends when the core says so."""

    def __init__(self, policy: AgentPolicy, state: AgentState, environment: Environment) -> None:
        self.policy = policy
        self.state = state
        self._environment = environment
        self._send, self._inbox = trio.open_memory_channel[Event](inf)
        self._wake_at = -inf
        self._finished = False
        self._shown: dict[str, KeyView] = {}

    def send(self, event: Event) -> None:
        """Hand an event to the loop."""
        self._send.send_nowait(event)

    def token(self) -> Secret | None:
        """Return the token in use."""
        current = self.state.tokens.current
        return None if current is None else current.secret

    async def run(
        self, executor: Executor, until: Callable[[AgentState], bool] = lambda _: False
    ) -> None:
        """Run until the core has finished; a state for which `until` holds asks it to."""
        async with trio.open_nursery() as orders:
            event: Event | None = Started()
            while True:
                if event is not None:
                    self._advance(event, executor, orders)
                if self._finished:
                    break
                if self.state.stopping is None and until(self.state):
                    self.send(StopRequested())
                event = await self._next_event()
            executor.give_up()
            orders.cancel_scope.cancel()
        self._keep_the_rest(executor)

    def _keep_the_rest(self, executor: Executor) -> None:
        """Journal and record answers that came too late to act on: they may hold a lease."""
        while True:
            try:
                event = self._inbox.receive_nowait()
            except trio.WouldBlock:
                return
            for action in self._step(event, executor):
                if isinstance(action, Record):
                    self._environment.record(action)

    async def _next_event(self) -> Event | None:
        """Return what comes next; None after a nap in which nothing became due."""
        event: Event | None = None
        with trio.move_on_after(max(TICK, min(self._wake_at - self._environment.now(), NAP))):
            event = await self._inbox.receive()
        if self._environment.jumped():
            self.send(ClockJumped())
        if event is None and self._environment.now() >= self._wake_at:
            return Woke()
        return event

    def _advance(self, event: Event, executor: Executor, orders: trio.Nursery) -> None:
        """Step the core; what it publishes is out, and answered, before anything else happens."""
        events = deque([event])
        while events:
            for action in self._step(events.popleft(), executor):
                self._act(action, events, executor, orders)
            self._show()

    def _step(self, event: Event, executor: Executor) -> tuple[Action, ...]:
        """Step the core, and keep what it came to before anything is done about it."""
        environment = self._environment
        result = step(self.policy, self.state, event, environment.now(), Chance(environment.seed()))
        self.state = result.state
        self._wake_at = result.wake_at
        self._finished = self._finished or result.finished
        environment.write_journal(result.state)
        if isinstance(event, LoggedIn):
            executor.finish_login()
        return result.actions

    def _act(
        self, action: Action, events: deque[Event], executor: Executor, orders: trio.Nursery
    ) -> None:
        match action:
            case Record():
                self._environment.record(action)
            case Publish() | Withdraw():
                events.append(self._environment.publish(action))
            case _:
                orders.start_soon(self._perform, executor, action)

    async def _perform(self, executor: Executor, order: RemoteOrder) -> None:
        self.send(await executor.perform(order))

    def _show(self) -> None:
        """Let readers see what changed; a generation that is being written is not out yet."""
        for key in self.state.keys:
            if key.publishing or key.name not in self.policy.keys:
                continue
            shown = view(key, self.state.tokens, self.state.link)
            if self._shown.get(key.name) != shown:
                self._shown[key.name] = shown
                self._environment.show(shown)
