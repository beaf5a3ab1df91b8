"""Signals that are ignored or blocked, as `nohup make test &` and some CI systems leave them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from testbed.signals import ENDING, HeldSignals
from tests.support.inherited_signals import HOW, with_signals

ROOT: Final = Path(__file__).parents[2]


def run(how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*with_signals(how), sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


# A process that gets the signals, and has a child that says how it starts.
PROGRAM: Final = """
import os, signal, subprocess, sys
from testbed.signals import keep_from_children
keep_from_children()
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if sys.argv[1] == "ignored":
        os.kill(os.getpid(), number)
script = "grep -E '^Sig(Ign|Blk)' /proc/self/status"
print("alive", subprocess.check_output(["sh", "-c", script], text=True))
"""


@pytest.mark.parametrize("how", HOW)
def test_a_child_starts_with_every_signal_and_we_go_on_to_ignore_them(how: str) -> None:
    done = run(how, "-c", PROGRAM, how)
    alive, *lines = done.stdout.split()
    assert alive == "alive", done.stderr
    ours = sum(1 << number - 1 for number in ENDING)
    assert [int(mask, 16) & ours for mask in lines[1::2]] == [0, 0]


def test_tests_of_terminals_and_of_ended_builds_pass() -> None:
    done = run(
        "ignored",
        *("-m", "pytest", "--quiet", "--numprocesses", "1", "-p", "no:cacheprovider"),
        "tests/cli/test_asking_processes.py::test_status_redraws_a_terminal_and_restores_it[2]",
        "tests/testbed/test_build.py::test_build_that_was_ended_is_done_again[2]",
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_held_signal_comes_when_it_is_let() -> None:
    held = HeldSignals()
    signal.raise_signal(signal.SIGINT)  # nothing is raised here
    with pytest.raises(KeyboardInterrupt):
        held.release()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
