"""The whole demo, as `make demo` runs it: what it says, and what it leaves behind."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.binaries import BUILT

ROOT = BUILT.parents[1]


@dataclass
class Demo:
    """A demo under way; `lines` is what was read of its output."""

    process: subprocess.Popen[str]
    lines: list[str]

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read on to the first line that matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        pytest.fail("".join(self.lines))

    def finish(self) -> str:
        """Read to the end; return all of the output."""
        assert self.process.stdout is not None
        self.lines += self.process.stdout  # communicate() would lose what is buffered already
        self.process.wait(timeout=40)
        return "".join(self.lines)


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def begin(*arguments: str, **environment: str) -> Demo:
        process = subprocess.Popen(
            [sys.executable, "-m", "testbed.demo", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(Demo(process, []))
        return started[-1]

    yield begin
    for demo in started:
        demo.process.kill()
        demo.process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def family(pid: int) -> set[int]:
    """Return the descendants of a process that run."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    found, fresh = set(), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


def running(pids: set[int]) -> bool:
    return any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


def named(pids: set[int], word: str) -> int:
    """Return the one of these processes that has the word among its arguments."""
    (pid,) = (p for p in pids if word in Path(f"/proc/{p}/cmdline").read_text().split("\0"))
    return pid


def directory(demo: Demo) -> Path:
    return Path(demo.read_until(r"freshkey run --config (\S+)/demo.toml")[1])


def test_ctrl_c_ends_it_in_order(start: Callable[..., Demo]) -> None:
    demo = start()
    workdir = directory(demo)
    demo.read_until(r"file [1-9]\d*/0  socket [1-9]\d*/0  old [1-9]")
    processes = family(demo.process.pid)
    assert len(processes) >= 6  # emulator, Vault, its plugin, the agent, consumers
    demo.process.send_signal(signal.SIGINT)
    demo.read_until("stopping")
    demo.process.send_signal(signal.SIGINT)
    output = demo.finish()
    assert demo.process.returncode == 0, output
    assert re.search(r"in \d+ s: (\d) rotations, \d mints; .*: [12] at most, 0 at the end", output)
    assert "No reader of the agent's was ever refused." in output
    assert not running(processes)
    assert not workdir.exists()


def test_killed_demo_leaves_nothing(start: Callable[..., Demo]) -> None:
    demo = start()
    workdir = directory(demo)
    demo.read_until("consumers")
    processes = family(demo.process.pid)
    demo.process.kill()
    until(lambda: not workdir.exists() and not running(processes))


def test_death_of_the_agent_fails_it(start: Callable[..., Demo]) -> None:
    demo = start()
    workdir = directory(demo)
    demo.read_until("keys alive 1")
    processes = family(demo.process.pid)
    os.kill(named(processes, "--config"), signal.SIGKILL)
    output = demo.finish()
    logs = sorted(path.name for path in (workdir / "logs").iterdir())
    shutil.rmtree(workdir)
    assert demo.process.returncode == 1
    assert "FAILED: the agent ended by itself: " in output
    assert f"demo: the logs of all parts are in {workdir / 'logs'}" in output
    assert logs == ["agent.log", "file.log", "old.log", "socket.log", "vault.log"]
    assert not running(processes)


@pytest.mark.alone
def test_story_is_told_scenario_by_scenario(start: Callable[..., Demo]) -> None:
    demo = start("--story", "reported,killed")
    workdir = Path(demo.read_until(r"freshkey run --config (\S+)/story.toml")[1])
    demo.read_until("requests are shown")
    processes = family(demo.process.pid)
    output = demo.finish()
    assert demo.process.returncode == 0, output
    printed = re.findall(
        r"^(\d of \d): (.*?) ─+\n(?:.*\n)*?  held +(\S+ s), where", output, re.MULTILINE
    )
    assert [(number, title) for number, title, _ in printed] == [
        ("1 of 2", "kill -9 of the agent"),
        ("2 of 2", "a reader that reports a 401"),
    ]
    rows = re.findall(r"^(\w+) +(\d s) +(\S+ s) +(\d+) +(\d+)  held", output, re.MULTILINE)
    assert [(name, bound, measured) for name, bound, measured, _, _ in rows] == [
        ("killed", "3 s", printed[0][2]),
        ("reported", "2 s", printed[1][2]),
    ]
    for _, _, _, within, elsewhere in rows:
        assert int(within) > 0
        assert elsewhere == "0"
    assert re.search(r"^/metrics: [1-9]\d* scrapes, 25 names, checked by ", output, re.MULTILINE)
    # The key of each scenario, and what replaced the one that was reported.
    assert re.search(
        r"^report: [2-5] keys, as many as OpenAI made; their ends are at most \d+ s from ",
        output,
        re.MULTILINE,
    )
    assert "Every bound held, and no request was refused outside of one." in output
    assert not running(processes)
    assert not workdir.exists()


def test_ctrl_c_ends_a_story(start: Callable[..., Demo]) -> None:
    demo = start("--story", "killed")
    demo.read_until("1 of 1: kill -9 of the agent")
    demo.process.send_signal(signal.SIGINT)
    output = demo.finish()
    assert demo.process.returncode == 1
    assert output.endswith("demo: stopped before the end of the story\n")


def test_ctrl_c_before_there_is_a_key(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.read_until("OpenAI")
    processes = family(demo.process.pid)
    demo.process.send_signal(signal.SIGINT)
    output = demo.finish()
    assert demo.process.returncode == 1
    assert output.endswith("demo: stopped before there was a key\n")
    assert not running(processes)
    assert not directory_of(output).exists()


def directory_of(output: str) -> Path:
    found = re.search(r"freshkey run --config (\S+)/demo.toml", output)
    assert found
    return Path(found[1])


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "line"),
    [
        ([], {"VAULT_BIN": "/none"}, 1, "demo: VAULT_BIN=/none: no executable file is there\n"),
        (
            ["--story", "killed,x"],
            {},
            2,
            "--story: 'x' is no scenario: give 1 for all, or revoked,",
        ),
        (
            ["--story", "1", "--seconds", "5"],
            {},
            2,
            "demo: SECONDS (--seconds) and STORY (--story) exclude each other: a story",
        ),
        (["--seconds", "0"], {}, 2, "--seconds: '0' is not a number of seconds, such as 60\n"),
    ],
)
def test_wrong_input_gets_one_line(
    start: Callable[..., Demo],
    arguments: list[str],
    environment: dict[str, str],
    status: int,
    line: str,
) -> None:
    demo = start(*arguments, **environment)
    output = demo.finish()
    assert demo.process.returncode == status
    assert line in output
    assert "Traceback" not in output
