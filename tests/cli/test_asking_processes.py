"""The commands as processes: what only a process has, such as arguments, signals, a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.cli.agent import KEY, NEW, OLD, UNCHANGED, Agent, ReceivedRequest, answer, key, status

COMMANDS = [["status"], ["get", "billing"], ["watch", "billing"], ["rotate", "billing"]]


def started(
    *arguments: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "freshkey", *arguments], stdout=stdout, stderr=stderr
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()  # one that does not end by itself must not outlive its test
    return process.returncode, (out or b"").decode(), (err or b"").decode()


def tags(watching: subprocess.Popen[bytes], count: int) -> list[object]:
    """The tags of the first lines of `watch`, as they come."""
    assert watching.stdout
    return [json.loads(watching.stdout.readline())["tag"] for _ in range(count)]


def on_terminal(
    *arguments: str, until: str | None = None, number: int = signal.SIGINT
) -> tuple[int, str]:
    """Run a command on a terminal of its own; Ctrl-C, or another signal, when it shows a text."""
    ours, theirs = pty.openpty()
    process = started(*arguments, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shows = ""
    try:
        while True:
            try:
                shows += os.read(ours, 4096).decode()
            except OSError:  # the last one that had it open is gone
                break
            if until and until in shows:
                process.send_signal(number)
                until = None
        return process.wait(timeout=60), shows
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_get(agent: Agent) -> None:
    agent.script = [key()]
    assert ended(started("get", "billing")) == (0, KEY, "")


def test_get_on_a_terminal_ends_its_line(agent: Agent) -> None:
    agent.script = [key()]
    assert on_terminal("get", "billing") == (0, f"{KEY}\r\n")


def test_a_key_is_never_an_argument(agent: Agent) -> None:
    process: Future[subprocess.Popen[bytes]] = Future()
    seen: list[bytes] = []

    def look(_: ReceivedRequest) -> None:
        child = process.result(timeout=30).pid
        seen.append(Path(f"/proc/{child}/cmdline").read_bytes())

    agent.on_request = look
    agent.script = [key(OLD), key(NEW), *[UNCHANGED] * 100]
    process.set_result(started("watch", "billing"))
    printed_tags = tags(process.result(), 2)  # at the second question the key was there already
    process.result().send_signal(signal.SIGINT)
    assert ended(process.result()) == (1, "", "freshkey: interrupted\n")
    assert printed_tags == [OLD, NEW]
    assert all(b"watch" in arguments and KEY.encode() not in arguments for arguments in seen)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_agent_is_one_line(command: list[str], tmp_path: Path) -> None:
    more = ["--wait", "0"] if command[0] == "get" else []
    code, out, err = ended(started(*command, *more, "--socket", str(tmp_path / "none")))
    assert (code, out) == (1, "")
    assert err == (
        f"freshkey: {tmp_path}/none: there is no such socket: "
        "start the agent, or name its socket with --socket\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_named_configuration_has_to_be_there(command: list[str]) -> None:
    code, out, err = ended(started(*command, "--config", "/nowhere.toml"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("freshkey: /nowhere.toml: No such file or directory")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt(agent: Agent, command: list[str]) -> None:
    process: Future[subprocess.Popen[bytes]] = Future()
    agent.on_request = lambda _: process.result(timeout=30).send_signal(signal.SIGINT)
    process.set_result(started(*command))
    assert ended(process.result()) == (1, "", "freshkey: interrupted\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_left(agent: Agent, command: list[str]) -> None:
    agent.script = [answer(202, {"tag": OLD})] if command[0] == "rotate" else []
    agent.script += [status() if command[0] == "status" else key(NEW)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = started(*command, stdout=writer)
    finally:
        os.close(writer)
    assert ended(process) == (1, "", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(agent: Agent, command: list[str]) -> None:
    agent.script = [answer(202, {"tag": OLD})] if command[0] == "rotate" else []
    agent.script += [status() if command[0] == "status" else key(NEW)]
    with Path("/dev/full").open("wb") as full:
        code, _, err = ended(started(*command, stdout=full.fileno()))
    assert (code, err) == (1, "freshkey: standard output: No space left on device\n")


def test_a_closed_output(agent: Agent) -> None:
    command = f"exec {sys.executable} -m freshkey get billing >&-"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"freshkey: standard output is closed")
    assert not agent.requests


def test_status_json_on_a_terminal_is_indented(agent: Agent) -> None:
    agent.script = [status()]
    code, shows = on_terminal("status", "--json")
    assert code == 0
    assert shows.startswith('{\r\n  "version": "1.2.3"')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_status_redraws_a_terminal_and_restores_it(agent: Agent, number: int) -> None:
    agent.script = [status(), b"", status(state="stale")]  # a second apart, as people see it
    code, shows = on_terminal("status", "--watch", until="stale", number=number)
    assert code == 1
    assert shows.startswith("\x1b[?25l\x1b[H\x1b[2Jfreshkey  1.2.3")
    frames = shows.split("\x1b[H\x1b[2J")[1:]
    assert "hung up" in frames[1]
    assert shows.endswith("\x1b[?25hfreshkey: interrupted\r\n")
