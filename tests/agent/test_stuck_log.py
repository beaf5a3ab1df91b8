"""Behaviour 13 with the real agent: a standard error that takes nothing holds nothing up."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import UnixConnection, eventually
from tests.agent.reconfiguring import mint_without_limit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent, Engine

PIPE = 4096  # bytes, the least that a pipe may have
CLOSED = ("sh", "-c", 'exec "$@" 2>&-', "sh")
STOP = 5.0  # seconds, by the contract


@pytest.fixture
def talkative(engine: Engine, make_agent: Callable[..., Agent]) -> Agent:
    """An agent that logs all it can, and replaces its key every second."""
    engine.set_ttl("2s")
    agent = make_agent(extra='[log]\nlevel = "debug"', overlap='"1s"', check_every='"1s"')
    mint_without_limit(agent)
    return agent


def check_it_goes_on(agent: Agent, engine: Engine) -> None:
    """It rotates, answers, and ends in time."""
    key = agent.wait_for_key()
    for _ in range(2):
        key = agent.wait_for_key(other_than=key["tag"])
        assert engine.works(agent.key_file.read_text())
    started = time.monotonic()
    assert agent.end() == 0
    assert time.monotonic() - started < STOP


def test_a_pipe_that_nobody_reads(talkative: Agent, engine: Engine) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    talkative.start(writer)
    os.close(writer)
    check_it_goes_on(talkative, engine)
    assert len(os.read(reader, 2 * PIPE)) > PIPE / 2, "it was full"
    os.close(reader)


def test_a_terminal_whose_output_is_stopped(talkative: Agent, engine: Engine) -> None:
    """Ctrl-S on a terminal; see tcflow(3)."""
    ours, terminal = os.openpty()
    talkative.start(terminal)
    termios.tcflow(terminal, termios.TCOOFF)
    check_it_goes_on(talkative, engine)
    termios.tcflow(terminal, termios.TCOON)
    os.close(terminal)
    os.close(ours)


def test_what_was_dropped_is_told_once_there_is_room(talkative: Agent) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    talkative.start(writer)
    os.close(writer)
    talkative.wait_for_key()
    # Each of them is a line, and all are more than may wait.
    read_repeatedly(talkative.directory / "freshkey.sock", times=8000)
    heard = b""

    def told() -> dict[str, object] | None:
        nonlocal heard
        heard += os.read(reader, 1 << 20)
        lines = (json.loads(line) for line in heard.splitlines()[:-1])
        return next((line for line in lines if line["event"] == "log.dropped"), None)

    dropped = eventually(told, "what was dropped is told")
    assert heard.count(b'"key.read"') + int(str(dropped["lines"])) >= 8000
    assert heard.count(b'"key.read"') < 8000
    assert heard.count(b"log.dropped") == 1
    assert talkative.end() == 0
    os.close(reader)


def read_repeatedly(path: Path, times: int) -> None:
    """Read the key over one connection."""
    with contextlib.closing(UnixConnection(path)) as connection:
        for _ in range(times):
            connection.request("GET", "/v1/keys/billing")
            assert connection.getresponse().read()


def test_a_reader_that_goes_while_the_agent_runs(talkative: Agent, engine: Engine) -> None:
    reader, writer = os.pipe()
    talkative.start(writer)
    os.close(writer)
    talkative.wait_for_key()
    os.close(reader)
    check_it_goes_on(talkative, engine)


def test_a_full_disk(talkative: Agent, engine: Engine) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    talkative.start(full)
    os.close(full)
    check_it_goes_on(talkative, engine)


def test_closed_at_the_start(talkative: Agent, engine: Engine) -> None:
    talkative.start(None, *CLOSED)
    check_it_goes_on(talkative, engine)


def test_a_slow_reader_gets_every_line(talkative: Agent, engine: Engine) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    talkative.start(writer)
    os.close(writer)
    first = talkative.wait_for_key()
    talkative.wait_for_key(other_than=first["tag"])
    heard = b""

    def tells_of_two() -> bool:
        nonlocal heard
        heard += os.read(reader, 200)
        return heard.count(b'"event": "key.published"') >= 2

    eventually(tells_of_two, "both keys are told")
    assert heard.startswith(b"{")
    os.close(reader)


@pytest.mark.parametrize("lost", ["2>/dev/full", "2>&-"])
def test_once_succeeds_whatever_becomes_of_its_log(agent: Agent, lost: str) -> None:
    done = subprocess.run(
        [
            *("sh", "-c", f'exec "$@" {lost}', "sh"),
            *(sys.executable, "-m", "freshkey", "once", "--config", str(agent.config)),
        ],
        env={"PATH": os.defpath},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert agent.key_file.exists()


@pytest.mark.parametrize("command", [["status"], ["get", "billing"]])
def test_commands_that_ask_do_not_wait_for_it(agent: Agent, command: list[str]) -> None:
    agent.start()
    agent.wait_for_key()
    socket = str(agent.directory / "freshkey.sock")
    for lost in ("2>/dev/full", "2>&-"):
        done = subprocess.run(
            [
                *("sh", "-c", f'exec "$@" {lost}', "sh"),
                *(sys.executable, "-m", "freshkey", *command, "--socket", socket),
            ],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
        assert done.stdout
