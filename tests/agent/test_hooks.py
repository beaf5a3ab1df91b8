"""Applications that read a key once, and are told of the next one by a hook of the real agent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.agent.harness import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.agent.harness import Agent, Engine

# Reads its key when it starts, and at a HUP; asks OpenAI all the time, and writes what it was told.
READER = """
import http.client, os, signal, sys, time
key_file, port, told, pid_file = sys.argv[1:]
key = None
def read(*_):
    global key
    with open(key_file) as file:
        key = file.read()
signal.signal(signal.SIGHUP, read)
read()
with open(pid_file + ".new", "w") as file:
    file.write(f"{os.getpid()}\\n")
os.rename(pid_file + ".new", pid_file)
with open(told, "a", buffering=1) as out:
    while True:
        used = key
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {used}"})
        out.write(f"{connection.getresponse().status} {used}\\n")
        connection.close()
        time.sleep(0.02)
"""
SIGNAL = """
[[keys.billing.hooks]]
signal = "HUP"
pid_file = "reader.pid"
"""
COMMAND = """
[[keys.billing.hooks]]
on = "{on}"
command = ["{program}"]
timeout = "{timeout}"
"""


@contextmanager
def reader(agent: Agent, engine: Engine) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Run the reader; gives what returns the statuses it got, each with its key."""
    told = agent.directory / "told"
    told.touch()
    command = [sys.executable, "-c", READER, str(agent.key_file), str(engine.openai.port)]
    process = subprocess.Popen([*command, str(told), str(agent.directory / "reader.pid")])

    def answers() -> list[tuple[str, str]]:
        lines = told.read_text().splitlines()
        return [(status, key) for status, _, key in (line.partition(" ") for line in lines)]

    try:
        yield answers
        assert process.poll() is None, "the reader ended by itself"
    finally:
        process.kill()
        process.wait()


def program(agent: Agent, text: str) -> Path:
    path = agent.directory / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def is_longer(answers: Callable[[], list[tuple[str, str]]], number: int) -> bool:
    return len(answers()) > number


def rotate(agent: Agent) -> dict[str, Any]:
    before = agent.wait_for_key()
    assert agent.post("/v1/keys/billing/rotate") == HTTPStatus.ACCEPTED
    return agent.wait_for_key(other_than=before["tag"])


def test_a_reader_that_reloads_at_a_signal_is_never_refused(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(extra=SIGNAL, overlap='"5s"')
    agent.start()
    keys = [agent.wait_for_key()["key"]]
    with reader(agent, engine) as answers:
        eventually(answers, "the reader asks")
        for _ in range(2):
            keys.append(rotate(agent)["key"])
            eventually(lambda: answers()[-1][1] == keys[-1], "it uses the new key")
            eventually(lambda: engine.counts()["live"] == 1, "the old lease is revoked")
            asked = len(answers()) + 5
            eventually(partial(is_longer, answers, asked), "it goes on asking")
        assert {status for status, _ in answers()} == {"200"}
        assert list(dict.fromkeys(key for _, key in answers())) == keys
    assert [line["generation"] for line in agent.logged("hook.done")] == [2, 3]


def test_what_a_program_prints_of_a_key_is_masked(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    path = program(agent, f"cat {agent.key_file}; echo; echo done")
    agent.config.write_text(
        agent.config.read_text() + COMMAND.format(on="first", program=path, timeout="30s")
    )
    agent.start()
    key = agent.wait_for_key()["key"]
    (line,) = eventually(lambda: agent.logged("hook.done"), "the hook has run")
    assert line["output"] == ["***", "done"]
    assert key not in (agent.directory / "log").read_text()


def test_a_hook_that_hangs_holds_back_no_publish_and_no_stop(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    began = agent.directory / "began"
    path = program(agent, f"trap '' TERM; echo $$ >> {began}; while :; do sleep 0.1; done")
    agent.config.write_text(
        agent.config.read_text() + COMMAND.format(on="both", program=path, timeout="300s")
    )
    agent.start()
    agent.wait_for_key()
    eventually(began.exists, "the hook runs")
    assert rotate(agent)["generation"] == 2
    started = time.monotonic()
    assert agent.end(signal.SIGTERM) == 0
    assert time.monotonic() - started < 5 + PATIENCE / 4, "a busy machine has its time, too"
    (pid,) = began.read_text().split()
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - no file


def test_a_hook_that_an_agent_owes_is_run_by_the_next_one(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    mended, ran = agent.directory / "mended", agent.directory / "ran"
    path = program(agent, f'echo "$FRESHKEY_GENERATION" >> {ran}; [ -e {mended} ]')
    agent.config.write_text(
        agent.config.read_text() + COMMAND.format(on="rotate", program=path, timeout="30s")
    )
    agent.start()
    rotate(agent)
    fault = eventually(lambda: agent.status()["last_fault"], "the hook fails")
    assert (fault["operation"], fault["fault"]) == ("hook", "output")
    assert fault["message"] == "hooks[0]: ended with status 1"
    assert agent.told("hook.failed")
    agent.end(signal.SIGKILL)
    mended.touch()
    agent.start()
    eventually(lambda: agent.logged("hook.done"), "the next agent runs it")
    assert set(ran.read_text().split()) == {"2"}
    assert agent.status()["last_fault"] is None

    assert agent.end() == 0
    runs = ran.read_text()
    agent.start()
    assert agent.wait_for_key()["generation"] == 2
    assert rotate(agent)["generation"] == 3
    eventually(lambda: len(agent.logged("hook.done")) == 2, "the one of the next generation")
    assert ran.read_text() == f"{runs}3\n", "what was done is not done again"


def test_hooks_of_a_key_that_once_got_are_run_by_the_agent_that_follows(
    make_agent: Callable[..., Agent],
) -> None:
    agent = make_agent()
    ran = agent.directory / "ran"
    path = program(agent, f'echo "$FRESHKEY_GENERATION" >> {ran}')
    agent.config.write_text(
        agent.config.read_text() + COMMAND.format(on="first", program=path, timeout="30s")
    )
    done = agent.command("once")
    assert (done.returncode, ran.exists()) == (0, False), done.stderr
    agent.start()
    eventually(ran.exists, "the hook runs")
    assert agent.wait_for_key()["generation"] == 1


def test_a_hook_waits_for_every_file(make_agent: Callable[..., Agent]) -> None:
    more = '[[keys.billing.files]]\npath = "other/billing"\n'
    agent = make_agent(extra=more)
    (agent.directory / "other").write_text("in the way")
    path = program(agent, f"cmp {agent.key_file} {agent.directory}/other/billing")
    agent.config.write_text(
        agent.config.read_text() + COMMAND.format(on="both", program=path, timeout="30s")
    )
    agent.start()
    agent.wait_for_key()
    eventually(lambda: agent.logged("key.file_failed"), "a file can't be written")
    (agent.directory / "other").unlink()
    eventually(lambda: agent.logged("hook.done"), "the hook runs once it is")
    assert not agent.logged("hook.failed")
