"""Which keys `freshkey exec` starts a command with, and what it does until they come."""

from __future__ import annotations

import re
import shlex
import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.exec.agent import key
from tests.exec.processes import PRINT_KEY, ended

if TYPE_CHECKING:
    from pathlib import Path

    from tests.exec.agent import EventsAgent
    from tests.exec.processes import Execute


def test_the_only_key_is_in_the_environment(execute: Execute, agent: EventsAgent) -> None:
    agent.publish(1)
    assert ended(execute("--", *PRINT_KEY)) == (0, f"{key(1)}\n", "")


def test_keys_by_name(execute: Execute, agent: EventsAgent) -> None:
    agent.keys = {"billing": 1, "search": 2}
    arguments = ["--env", "A=billing", "--env", "B=search", "--env", "C=search"]
    process = execute(*arguments, "--", "sh", "-c", "echo $A $B $C $D", D="other")
    second = key(2, "search")
    assert ended(process) == (0, f"{key(1)} {second} {second} other\n", "")


def test_several_keys_and_no_choice(execute: Execute, agent: EventsAgent) -> None:
    agent.keys = {"billing": 1, "search": 2}
    assert ended(execute("--", *PRINT_KEY)) == (
        2,
        "",
        (
            "freshkey: the agent has 2 keys: say which one with --env OPENAI_API_KEY=billing or "
            "--env OPENAI_API_KEY=search\n"
        ),
    )


def test_it_waits_for_the_key_and_says_so_once(execute: Execute, agent: EventsAgent) -> None:
    process = execute("--", *PRINT_KEY)
    assert process.stderr is not None
    assert process.stderr.readline() == (
        "freshkey: the key: the agent has no key yet: `freshkey status` says why (trying again)\n"
    )
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")


def test_the_advice_asks_the_same_agent(
    execute: Execute, agent: EventsAgent, tmp_path: Path
) -> None:
    config = tmp_path / "a job's.toml"
    config.write_text(f'[server]\nsocket = "{agent.path}"\n')
    for more, option, value in (
        ((), "--config", config),
        ((), "--socket", agent.path),
        (("--gateway",), "--socket", agent.path),
    ):
        process = execute(*more, option, str(value), "--", *PRINT_KEY)
        assert process.stderr is not None
        (advice,) = re.findall("`(freshkey status .*)`", process.stderr.readline())
        assert shlex.split(advice) == ["freshkey", "status", option, str(value)]
        process.terminate()
        assert ended(process)[0] == 1


def test_it_waits_for_an_agent(execute: Execute, agent: EventsAgent) -> None:
    agent.stop()
    try:
        process = execute("--", *PRINT_KEY)
        assert process.stderr is not None
        assert "nobody answers here: start the agent" in process.stderr.readline()
    finally:
        agent.start()
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_start(execute: Execute, agent: EventsAgent, number: int) -> None:
    process = execute("--env", "A=billing", "--", *PRINT_KEY)
    eventually(lambda: agent.last_ids, "it asks")
    process.send_signal(number)
    assert ended(process) == (1, "", "")


def test_a_missing_key_is_unset_where_it_may_be(execute: Execute, agent: EventsAgent) -> None:
    process = execute(
        "--allow-missing", "--", "sh", "-c", "echo ${OPENAI_API_KEY-unset}", OPENAI_API_KEY="old"
    )
    assert ended(process)[:2] == (0, "unset\n")


def test_a_key_that_will_not_come(execute: Execute, agent: EventsAgent) -> None:
    agent.refuse = ("404 Not Found", "the configuration has no key of this name")
    code, out, err = ended(execute("--env", "A=billing", "--", *PRINT_KEY))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no key of this name" in err


def test_an_agent_that_stops_is_waited_for(execute: Execute, agent: EventsAgent) -> None:
    agent.refuse = ("503 Service Unavailable", "the agent is stopping")
    process = execute("--env", "OPENAI_API_KEY=billing", "--", *PRINT_KEY)
    assert process.stderr is not None
    assert "the agent is stopping (trying again)" in process.stderr.readline()
    agent.refuse = None
    agent.publish(1)
    assert ended(process) == (0, f"{key(1)}\n", "")
