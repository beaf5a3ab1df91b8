"""A new key, or a signal, reaches a command that runs under `freshkey exec`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.exec.agent import key
from tests.exec.processes import ended, line, talker

if TYPE_CHECKING:
    from tests.exec.agent import EventsAgent
    from tests.exec.processes import Execute


@pytest.mark.parametrize(
    "number",
    [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH],
)
def test_signals_are_passed_on(
    execute: Execute, agent: EventsAgent, number: signal.Signals
) -> None:
    process = talker(execute, agent)
    process.send_signal(number)
    assert line(process) == number.name
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (7, "SIGTERM\n", "")


def test_a_change_restarts_the_command(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent)
    agent.publish(2)
    assert line(process) == "SIGTERM"
    assert line(process).split()[0] == key(2)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (7, "SIGTERM\n", "")


def test_a_command_that_does_not_end_is_killed(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    stubborn = "trap '' TERM; echo $OPENAI_API_KEY; while :; do sleep 1; done"
    process = execute("--stop-timeout", "1s", "--", "sh", "-c", stubborn)
    assert line(process) == key(1)
    agent.publish(2)
    assert line(process) == key(2)


def test_a_change_signals_the_command(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent, "--on-change", "signal", "--signal", "SIGUSR1")
    agent.publish(2)
    assert line(process) == "SIGUSR1"
    agent.publish(3)
    assert line(process) == "SIGUSR1"


def test_a_change_does_nothing(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent, "--on-change", "none")
    agent.publish(2)
    eventually(lambda: agent.told == ["1-tag", "2-tag"], "the agent has told of the new key")
    agent.publish(3)
    eventually(lambda: agent.told[2:] == ["3-tag"], "and of the next one")
    process.send_signal(signal.SIGUSR1)
    assert line(process) == "SIGUSR1"


def test_an_agent_that_restarts_changes_nothing(execute: Execute, agent: EventsAgent) -> None:
    process = talker(execute, agent)
    agent.stop()
    agent.start()
    eventually(lambda: "1-tag" in agent.last_ids, "it asks for what it does not hold")
    process.send_signal(signal.SIGUSR1)
    assert line(process) == "SIGUSR1"
    agent.publish(2)
    assert line(process) == "SIGTERM"
    assert line(process).split()[0] == key(2)
