"""The main loop: wait for an event or a deadline, step the core, keep the journal, act."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, final

import trio

from freshkey.core.agent.resting import NONE_RESTING
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
    from freshkey.core.model.state import AgentState, KeyState, Link
    from freshkey.core.model.token import Tokens
    from freshkey.core.model.view import KeyView
    from freshkey.daemon.executor import RemoteOrder

NAP: Final = 30.0  # seconds; trio's clock stops with a suspended machine, the lease clock does not
TICK: Final = 0.001  # two clocks that differ by a rounding error must not make the loop spin
PACE: Final = 0.0002  # seconds from one step to the next, for each key: each costs more, too


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


class _Shown(NamedTuple):
    """What readers see of a key, and what it was made of."""

    view: KeyView
    key: KeyState
    tokens: Tokens
    link: Link

    def is_of(self, key: KeyState, tokens: Tokens, link: Link) -> bool:
        return self.key is key and self.tokens is tokens and self.link is link


@final
class Loop:
    """Owns the state. `send` may be called at any time; `run` ends when the core says so."""

    def __init__(self, policy: AgentPolicy, state: AgentState, environment: Environment) -> None:
        self.policy = policy
        self.state = state
        self._environment = environment
        self._send, self._inbox = trio.open_memory_channel[Event](inf)
        self._resting = NONE_RESTING
        self._wake_at = -inf
        self._stepped_at = -inf
        self._finished = False
        self._policy_of_a_stop: AgentPolicy | None = None  # while a pause has another one
        self._shown: dict[str, _Shown] = {}

    def send(self, event: Event) -> None:
        """Hand an event to the loop."""
        self._send.send_nowait(event)

    def token(self) -> Secret | None:
        """Return the token in use."""
        current = self.state.tokens.current
        return None if current is None else current.secret

    def pause(self, policy: AgentPolicy) -> None:
        """Have `run` end once no mint is under way; `policy` is what holds until then."""
        self._policy_of_a_stop, self.policy = self.policy, policy
        self.send(StopRequested(to_reload=True))

    def stop(self) -> None:
        """Have `run` end in order, also if it is paused."""
        if not self._finished:  # else the next loop is stopped
            self.policy = self._policy_of_a_stop or self.policy
            self.send(StopRequested())

    def not_taken(self) -> list[Event]:
        """Return what was sent after `run` had ended, and not to end it: for the next loop."""
        return [event for event in self._arrived() if not isinstance(event, StopRequested)]

    @property
    def is_paused(self) -> bool:
        """Whether `run` has ended, or is about to end, for a reload."""
        stopping = self.state.stopping
        return stopping is not None and stopping.to_reload

    def stepped_at(self) -> float:
        """Say when it last looked whether there is something to do, on trio's clock."""
        return self._stepped_at

    async def run(
        self, executor: Executor, until: Callable[[AgentState], bool] = lambda _: False
    ) -> None:
        """Run until the core has finished; a state for which `until` holds asks it to."""
        async with trio.open_nursery() as orders:
            events: list[Event] = [Started(), *self._arrived()]
            while True:
                self._advance(events, executor, orders)
                if self._finished:
                    break
                if self.state.stopping is None and until(self.state):
                    self.send(StopRequested())
                events = await self._next_events()
            executor.give_up()
            orders.cancel_scope.cancel()
        self._keep_the_rest(executor)

    def _keep_the_rest(self, executor: Executor) -> None:
        """Journal and record answers that came too late to act on: they may hold a lease."""
        if events := self.not_taken():
            for action in self._step(events, executor):
                if isinstance(action, Record):
                    self._environment.record(action)

    async def _next_events(self) -> list[Event]:
        """Return what has come by the time of the next step; nothing if there is no need of one."""
        events: list[Event] = []
        # Each step writes the journal of all keys: many answers, and many deadlines, share one.
        earliest = self._stepped_at + PACE * len(self.state.keys)
        wait = max(TICK, min(self._wake_at - self._environment.now(), NAP))
        with trio.move_on_at(max(trio.current_time() + wait, earliest)):
            events.append(await self._inbox.receive())
            await trio.sleep_until(earliest)
        events += self._arrived()
        if self._environment.jumped():
            events.append(ClockJumped())
        if not events and self._environment.now() >= self._wake_at:
            events.append(Woke())
        return events

    def _arrived(self) -> list[Event]:
        """Return the events that nobody has to be waited for."""
        events: list[Event] = []
        with suppress(trio.WouldBlock):
            while True:
                events.append(self._inbox.receive_nowait())
        return events

    def _advance(self, events: list[Event], executor: Executor, orders: trio.Nursery) -> None:
        """Step the core; what it publishes is out, and answered, before anything else happens."""
        while events:
            answers: list[Event] = []
            for action in self._step(events, executor):
                self._act(action, answers, executor, orders)
            self._show()
            events = answers
        self._stepped_at = trio.current_time()

    def _step(self, events: list[Event], executor: Executor) -> tuple[Action, ...]:
        """Step the core, and keep what it came to before anything is done about it."""
        environment = self._environment
        chance = Chance(environment.seed())
        result = step(
            self.policy, self.state, events, environment.now(), chance, resting=self._resting
        )
        self.state, self._resting = result.state, result.resting
        self._wake_at = result.wake_at
        self._finished = self._finished or result.finished
        environment.write_journal(result.state)
        if any(isinstance(event, LoggedIn) for event in events):
            executor.finish_login()
        return result.actions

    def _act(
        self, action: Action, answers: list[Event], executor: Executor, orders: trio.Nursery
    ) -> None:
        match action:
            case Record():
                self._environment.record(action)
            case Publish() | Withdraw():
                answers.append(self._environment.publish(action))
            case _:
                orders.start_soon(self._perform, executor, action)

    async def _perform(self, executor: Executor, order: RemoteOrder) -> None:
        self.send(await executor.perform(order))

    def _show(self) -> None:
        """Let readers see what changed; a generation that is being written is not out yet."""
        tokens, link = self.state.tokens, self.state.link
        for key in self.state.keys:
            if key.publishing or key.name not in self.policy.keys:
                continue
            last = self._shown.get(key.name)
            if last is None or not last.is_of(key, tokens, link):
                shown = view(key, tokens, link)
                self._shown[key.name] = _Shown(shown, key, tokens, link)
                if last is None or last.view != shown:
                    self._environment.show(shown)
