"""`freshkey exec` on a terminal, started by a shell with job control."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.exec.agent import EventsAgent, key

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHELL: Final = ("bash", "--norc", "--noprofile", "-i")


class Terminal:
    """An interactive shell on a terminal of its own."""

    def __init__(self, agent: EventsAgent) -> None:
        self.shown = ""
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            environment = {
                "PATH": os.defpath,
                "FRESHKEY_SOCKET": str(agent.path),
                "PS1": "ready> ",
                "TERM": "dumb",
            }
            os.execvpe(_SHELL[0], _SHELL, environment)  # noqa: S606 - it is the shell

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self._screen], [], [], end - time.monotonic())
            assert ready, f"{text!r} was not shown: {self.shown!r}"
            self.shown += os.read(self._screen, 4096).decode()
        self.shown = self.shown.partition(text)[2]

    def close(self) -> None:
        os.close(self._screen)  # hangs up: the shell ends its jobs
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(agent: EventsAgent) -> Iterator[Terminal]:
    agent.publish(1)
    made = Terminal(agent)
    made.wait_for("ready> ")
    yield made
    made.close()


def executed(script: str) -> str:
    return f"{sys.executable} -m freshkey exec -- {script}; echo status=$?\n"


COUNTER: Final = (
    'bash -c \'n=0; trap "n=\\$((n+1))" INT; echo be""gun; '
    "until [ $n -gt 0 ]; do sleep 0.1; done; sleep 0.5; echo interrupts:$n; exit 4'"
)


def test_a_ctrl_c_reaches_the_command_once(terminal: Terminal) -> None:
    terminal.type(executed(COUNTER))
    terminal.wait_for("begun")
    terminal.type("\x03")
    terminal.wait_for("interrupts:1\r\n")
    terminal.wait_for("status=4")


def test_a_ctrl_c_ends_a_command_that_lets_it(terminal: Terminal) -> None:
    terminal.type(executed("sh -c 'echo be\"\"gun; exec sleep 60'"))
    terminal.wait_for("begun")
    terminal.type("\x03")
    terminal.wait_for("status=130")


def test_the_command_reads_the_terminal(terminal: Terminal) -> None:
    terminal.type(executed("sh -c 'echo be\"\"gun; read a; echo $OPENAI_API_KEY-$a'"))
    terminal.wait_for("begun")
    terminal.type("typed\n")
    terminal.wait_for(f"{key(1)}-typed")
    terminal.wait_for("status=0")


def test_a_ctrl_z_stops_both_and_fg_goes_on(terminal: Terminal) -> None:
    terminal.type(executed("sh -c 'echo be\"\"gun; read a; echo got-$a; exit 6'"))
    terminal.wait_for("begun")
    terminal.type("\x1a")
    terminal.wait_for("ready> ")  # the shell has the terminal again
    states = subprocess.run(
        ["ps", "-o", "state=", "--ppid", str(terminal.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert states.stdout.split() == ["T"]
    terminal.type("fg; echo status=$?\n")
    terminal.type("typed\n")
    terminal.wait_for("got-typed")
    terminal.wait_for("status=6")
