"""`freshkey exec` with the real agent: beside it, and with an agent of its own."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.support.sessions import sessions

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine

    Execute = Callable[..., subprocess.Popen[bytes]]

# Reads its key once, as most programs do, and uses it until SIGTERM.
APPLICATION = """
import http.client, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
key = os.environ["OPENAI_API_KEY"]
while True:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    with open(sys.argv[2], "a") as log:
        log.write(f"{connection.getresponse().status} {key[-8:]}\\n")
    connection.close()
    time.sleep(0.05)
"""


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Execute]:
    """Start `freshkey exec` with an agent's configuration; its standard error is `exec.log`."""
    with sessions() as running:

        def start(agent: Agent, *command: str) -> subprocess.Popen[bytes]:
            arguments = ["exec", "--config", str(agent.config), "--", *command]
            with (tmp_path / "exec.log").open("ab") as log:
                return running.start(sys.executable, "-m", "freshkey", *arguments, stderr=log)

        yield start  # the agents that it started end by themselves


def calls(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def has_called_with(log: Path, end: str) -> bool:
    return any(call[1] == end for call in calls(log))


def agents_of(config: Path) -> list[int]:
    """The processes that run an agent with a configuration."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if b"run" in arguments and str(config).encode() in arguments:
                found.append(int(process.name))
    return found


def test_three_rotations_refuse_no_call(
    engine: Engine, make_agent: Callable[..., Agent], execute: Execute, tmp_path: Path
) -> None:
    agent = make_agent(overlap='"1m"')
    agent.start()
    tag = agent.wait_for_key()["tag"]
    log = tmp_path / "calls"
    process = execute(agent, sys.executable, "-c", APPLICATION, str(engine.openai.port), str(log))
    eventually(lambda: calls(log), "the command calls with the first key")
    for _ in range(3):
        assert agent.command("rotate", "billing").returncode == 0
        key = agent.wait_for_key(other_than=tag)
        tag = key["tag"]
        eventually(
            partial(has_called_with, log, key["key"][-8:]),
            "the command was started with the new key",
        )
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert {status for status, _ in calls(log)} == {"200"}
    assert len({end for _, end in calls(log)}) == 4
    assert agents_of(agent.config) == [agent.process.pid if agent.process else 0]


def test_a_revoked_key_is_replaced(
    engine: Engine, make_agent: Callable[..., Agent], execute: Execute, tmp_path: Path
) -> None:
    agent = make_agent()
    agent.start()
    first = agent.wait_for_key()
    process = execute(agent, "sh", "-c", "echo $OPENAI_API_KEY; exec sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline().decode().strip() == first["key"]
    assert agent.command("rotate", "billing", "--compromised", "--now").returncode == 0
    second = process.stdout.readline().decode().strip()
    assert second != first["key"]
    assert engine.works(second)


def test_it_is_the_agent_where_none_runs(
    engine: Engine, make_agent: Callable[..., Agent], execute: Execute, tmp_path: Path
) -> None:
    agent = make_agent()
    process = execute(agent, "sh", "-c", "echo $OPENAI_API_KEY; read a; exit 3")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert out.decode().strip().startswith("sk-")
    assert agents_of(agent.config) == []
    log = (tmp_path / "exec.log").read_text()
    assert "agent.stopped" in log
    assert out.decode().strip() not in log


def test_an_agent_of_its_own_that_dies_is_started_again(
    engine: Engine, make_agent: Callable[..., Agent], execute: Execute
) -> None:
    agent = make_agent()
    process = execute(agent, "sh", "-c", "echo $OPENAI_API_KEY; exec sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline().decode().startswith("sk-")
    (first,) = agents_of(agent.config)
    os.kill(first, signal.SIGKILL)
    (second,) = eventually(
        lambda: [one for one in agents_of(agent.config) if one != first], "another agent"
    )
    eventually(agent.key, "it has the key")
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert second not in agents_of(agent.config)


def test_a_kill_of_exec_leaves_no_agent_behind(
    engine: Engine, make_agent: Callable[..., Agent], execute: Execute
) -> None:
    agent = make_agent()
    process = execute(agent, "sh", "-c", "echo $OPENAI_API_KEY; exec sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline().decode().startswith("sk-")
    assert len(agents_of(agent.config)) == 1
    process.kill()
    eventually(lambda: not agents_of(agent.config), "the agent has ended, too")


def test_a_faulty_configuration_ends_it(
    make_agent: Callable[..., Agent], execute: Execute, tmp_path: Path
) -> None:
    agent = make_agent(renew_at="1")
    process = execute(agent, "true")
    assert process.wait(timeout=30) == 2
    assert "keys.billing.renew_at" in (tmp_path / "exec.log").read_text()
