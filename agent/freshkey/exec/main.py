"""The one loop: signals, children, and the agent's news in; what `Supervision` decides out."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING, Final, NamedTuple, final

from freshkey.exec.key_feed import KeyFeed
from freshkey.exec.key_names import ChoiceError, with_keys
from freshkey.exec.processes import StartError, exit_status, find, reap, start
from freshkey.exec.run_feed import VARIABLES, RunFeed
from freshkey.exec.signals import SignalReader
from freshkey.exec.source import HopelessError, Source
from freshkey.exec.supervision import AskAgain, Leave, Send, Supervision
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freshkey.exec.processes import Found
    from freshkey.exec.signals import Received
    from freshkey.exec.source import Feed
    from freshkey.exec.supervision import Order, Rules

_FAILED: Final = 1
_LONGEST_NAP: Final = 3600.0  # seconds
_STOPS_OF_A_TERMINAL: Final = frozenset({signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU})


class Task(NamedTuple):
    """What to run, with which key in which variable, from which agent.

    Without `variables` it gets no key, but what it needs to use the gateway.
    `config` is what an agent of our own is started with when nobody answers at the socket; None
    never starts one. `status_command` asks the same agent what it holds.
    """

    command: list[str]
    variables: Mapping[str, str]
    rules: Rules
    socket: Path
    config: Path | None
    status_command: str


def run(task: Task, mask: set[int]) -> int:
    """Run the command to its end and return its status; `mask` is the signal mask to give it."""
    loop = _Loop(task, find(mask))
    try:
        return loop.run()
    except StartError as error:
        name = task.command[0] or "''"
        tell(f"freshkey: {name}: {error}")
        return error.status
    except ChoiceError as error:
        tell(f"freshkey: {error}")
        return 2
    except HopelessError as error:
        if line := str(error):
            tell(f"freshkey: {line}")
        return error.status
    finally:
        loop.close()


@final
class _Loop:
    def __init__(self, task: Task, found: Found) -> None:
        self._task = task
        self._found = found
        self._signals = SignalReader()
        self._selector = DefaultSelector()
        self._selector.register(self._signals, EVENT_READ)
        now = time.monotonic()
        self._variables = task.variables or VARIABLES
        self._supervision = Supervision(task.rules, frozenset(self._variables.values()), now)
        on_value = self._supervision.on_key
        feed: Feed
        if task.variables:
            feed = KeyFeed(task.socket, task.variables.values(), self._selector, on_value)
        else:
            feed = RunFeed(task.socket, self._selector, on_value)
        self._source = Source(feed, task.status_command)
        self._command: int | None = None

    def run(self) -> int:
        """Go on until nothing runs any more; raises the errors that are no status of a command."""
        now = time.monotonic()
        self._source.plan(now)
        if self._task.config is not None and self._source.unanswered:
            self._source.start_agent(self._task.config, self._found)
        while True:
            now = time.monotonic()
            for name in self._supervision.unconfirmed(now):
                if self._source.answers(name):
                    self._supervision.on_withdrawn(name)
            for order in self._supervision.plan(now):
                if isinstance(order, Leave):
                    return order.status
                self._perform(order, now)
            self._source.plan(now)
            if not self._supervision.ever_started:
                self._source.raise_if_hopeless()
            self._source.complain(now, self._supervision.missing)
            self._wait()

    def close(self) -> None:
        """End the agent that is ours, and wait until it has ended, within its own bounds."""
        self._source.end()
        while self._source.agent_runs:
            self._selector.select()
            for received in self._signals.received():
                if received.number == signal.SIGCHLD:
                    for process, status in reap():
                        self._source.on_ended(process, status, time.monotonic())
                elif received.number in {signal.SIGINT, signal.SIGTERM}:
                    self._source.end()
        self._selector.close()
        self._signals.close()

    def _wait(self) -> None:
        now = time.monotonic()
        dues = (self._supervision.wake_at(), self._source.due())
        end = min((due for due in dues if due is not None), default=now + _LONGEST_NAP)
        for ready, _ in self._selector.select(max(0.0, min(end - now, _LONGEST_NAP))):
            if ready.fileobj is self._signals:
                for received in self._signals.received():
                    self._on_signal(received)
            else:
                self._source.receive(ready.data, time.monotonic())

    def _perform(self, order: Order, now: float) -> None:
        if isinstance(order, AskAgain):
            self._source.ask_again(now)
        elif isinstance(order, Send):
            # It may have ended just now, or be another user's by now, as sudo(8) is.
            with suppress(ProcessLookupError, PermissionError):
                if self._command is not None:
                    os.kill(self._command, order.number)
        elif not isinstance(order, Leave):
            environment = with_keys(os.environ, self._variables, order.keys)
            self._command = start(self._task.command, environment, self._found)

    def _on_signal(self, received: Received) -> None:
        if received.number == signal.SIGCHLD:
            for process, status in reap():
                self._on_child(process, status)
        elif received.number == signal.SIGTSTP and self._command is None:
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            reached = (
                received.by_terminal
                or received.sender == self._command
                or (received.number == signal.SIGTSTP and _is_of_our_group(received.sender))
            )
            self._supervision.on_signal(received.number, reached=reached)

    def _on_child(self, process: int, status: int) -> None:
        if os.WIFSTOPPED(status):
            # A shell that has stopped a job waits until all of it that it knows of stands still.
            of_terminal = os.WSTOPSIG(status) in _STOPS_OF_A_TERMINAL
            if process == self._command and of_terminal and _is_of_our_group(process):
                os.kill(os.getpid(), signal.SIGSTOP)
        elif process == self._command:
            self._command = None
            self._supervision.on_ended(exit_status(status))
        else:
            self._source.on_ended(process, status, time.monotonic())


def _is_of_our_group(process: int) -> bool:
    try:
        return os.getpgid(process) == os.getpgrp()
    except ProcessLookupError:
        return False
