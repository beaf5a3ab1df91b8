"""`freshkey exec --gateway` as a process, with a stand-in for the agent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.run_token import is_run_token

from tests.agent.harness import eventually
from tests.exec.processes import ended

if TYPE_CHECKING:
    from tests.exec.agent import EventsAgent
    from tests.exec.processes import Execute

URL = "http://127.0.0.1:8317/v1"
OTHER_URL = "http://127.0.0.1:8318/v1"
PRINT = ["sh", "-c", "echo $OPENAI_BASE_URL $OPENAI_API_KEY $$; exec sleep 600"]
STOPPED = 128 + signal.SIGTERM


def stopped(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGTERM)
    return ended(process)


def started(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    """Wait until the command runs; return address, token, and process id."""
    assert process.stdout is not None
    url, token, child = process.stdout.readline().split()
    return url, token, int(child)


@pytest.fixture
def run(execute: Execute, agent: EventsAgent) -> Execute:
    def start(*command: str, **more: str) -> subprocess.Popen[str]:
        arguments = ("--gateway", "--", *(command or PRINT))
        return execute(*arguments, before=("env", "-u", "OPENAI_BASE_URL"), **more)

    return start


def test_the_command_has_an_address_and_a_token(run: Execute, agent: EventsAgent) -> None:
    agent.open_gateway(URL)
    process = run(OPENAI_API_KEY="sk-of-somebody-else", OPENAI_BASE_URL="http://elsewhere")
    url, token, child = started(process)
    assert url == URL
    assert is_run_token(token)
    assert agent.runs == [f"Bearer {token}"]
    assert token.encode() in Path(f"/proc/{child}/environ").read_bytes()
    for file in (f"{process.pid}/environ", f"{process.pid}/cmdline", f"{child}/cmdline"):
        assert token.encode() not in Path("/proc", file).read_bytes()
    assert agent.last_ids == [], "no key was asked for"
    assert stopped(process) == (STOPPED, "", "")


def test_each_run_has_a_token_of_its_own(run: Execute, agent: EventsAgent) -> None:
    agent.open_gateway(URL)
    processes = [run(), run()]
    tokens = {started(process)[1] for process in processes}
    assert len(tokens) == 2
    assert [stopped(process)[0] for process in processes] == [STOPPED, STOPPED]


def test_it_waits_and_says_so_once(run: Execute, agent: EventsAgent) -> None:
    process = run()
    assert process.stderr is not None
    assert process.stderr.readline() == (
        "freshkey: the gateway has no key yet: `freshkey status` says why (trying again)\n"
    )
    agent.open_gateway(URL)
    assert started(process)[0] == URL
    assert stopped(process) == (STOPPED, "", "")


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found"])
def test_a_refusal_ends_it(run: Execute, agent: EventsAgent, status: str) -> None:
    agent.refuse = (status, "the gateway is not for you")
    code, out, err = ended(run())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.endswith("/v1/gateway/run: the gateway is not for you\n")
    assert "freshkey-run-" not in err


def test_an_agent_that_restarts_is_brought_the_same_token(run: Execute, agent: EventsAgent) -> None:
    agent.open_gateway(URL)
    process = run()
    _, token, _ = started(process)
    agent.stop()
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert re.search(r"(hung up|nobody answers here).* \(trying again\)\n$", told), told
    finally:
        agent.start()
    eventually(lambda: agent.runs[1:], "it asks again")
    assert agent.runs == [f"Bearer {token}"] * 2
    assert stopped(process) == (STOPPED, "", "")


def test_a_refusal_does_not_end_a_command_that_runs(run: Execute, agent: EventsAgent) -> None:
    agent.open_gateway(URL)
    process = run()
    started(process)
    agent.stop()
    agent.refuse = ("404 Not Found", "the agent has no gateway on TCP")
    agent.start()
    assert process.stderr is not None
    lines = [process.stderr.readline()]
    assert "(trying again)" in lines[0]
    eventually(lambda: agent.runs[3:], "it asks again and again")
    assert stopped(process) == (STOPPED, "", "")


def test_another_address_is_told(run: Execute, agent: EventsAgent) -> None:
    agent.open_gateway(URL)
    process = run()
    started(process)
    agent.open_gateway(OTHER_URL)
    assert process.stderr is not None
    assert process.stderr.readline() == (
        f"freshkey: the gateway is at {OTHER_URL} now, and the command uses {URL}: start it again\n"
    )
    assert stopped(process) == (STOPPED, "", "")


def test_a_signal_before_the_start(run: Execute, agent: EventsAgent) -> None:
    process = run()
    eventually(lambda: agent.runs, "it asks")
    assert stopped(process) == (1, "", "")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--env", "A=billing"), ("--on-change", "restart"), ("--on-change", "none")],
)
def test_what_has_no_meaning_with_it(
    execute: Execute, agent: EventsAgent, option: str, value: str
) -> None:
    code, out, err = ended(execute("--gateway", option, value, "--", "true"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{option}: leave it out with --gateway" in err
    assert agent.runs == []


def test_it_waits_for_its_key_in_any_case(execute: Execute, agent: EventsAgent) -> None:
    code, _, err = ended(execute("--gateway", "--allow-missing", "--", "true"))
    assert (code, err.count("\n")) == (2, 1)
    assert "--allow-missing: leave it out with --gateway" in err


def test_nothing_of_the_connection_is_left_to_the_command(run: Execute, agent: EventsAgent) -> None:
    """It would keep the token good for as long as anything that the command left behind."""
    agent.open_gateway(URL)
    script = "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))"
    code, out, _ = ended(run(sys.executable, "-c", script))
    alone = subprocess.run(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, capture_output=True, check=True
    )
    assert (code, out) == (0, os.fsdecode(alone.stdout))
