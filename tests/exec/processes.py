"""`freshkey exec` as a process, and a command that tells what it gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.exec.agent import key

if TYPE_CHECKING:
    from tests.exec.agent import EventsAgent

Execute = Callable[..., subprocess.Popen[str]]

PRINT_KEY = ["sh", "-c", "echo $OPENAI_API_KEY"]

# Says its key, then each signal that it gets; ends by SIGTERM with status 7.
TALKER = """
import os, signal, sys
def say(number, _):
    os.write(1, f"{signal.Signals(number).name}\\n".encode())
    if number == signal.SIGTERM:
        sys.exit(7)
for number in (1, 2, 3, 10, 12, 15, 28):
    signal.signal(number, say)
print(os.environ.get("OPENAI_API_KEY"), os.getpid(), flush=True)
while True:
    signal.pause()
"""


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().rstrip("\n")


def talker(execute: Execute, agent: EventsAgent, *arguments: str) -> subprocess.Popen[str]:
    agent.publish(1)
    process = execute(*arguments, "--", sys.executable, "-c", TALKER)
    assert line(process).split()[0] == key(1)
    return process
