"""What happens to the agent's own process, and to its output."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from testbed.chaos.agent_run import AgentRun

STORM: Final = 8
STORM_EVERY: Final = 2.0
RESTARTS: Final = 4
RESTART_EVERY: Final = 5.0
"""Seconds between two starts, as STORM_EVERY."""

PIPE: Final = 4096
"""Bytes, the least that a pipe may have."""


def nothing(_agent_run: AgentRun) -> None:
    """Leave it alone."""


def restart_storm(agent_run: AgentRun) -> None:
    """Kill it and start it at once, again and again."""
    for _ in range(STORM):
        agent_run.process.kill()
        agent_run.start()
        agent_run.wait(STORM_EVERY)


def graceful_restarts(agent_run: AgentRun) -> None:
    """Restart it as after an update."""
    for _ in range(RESTARTS):
        agent_run.terminate()
        agent_run.start()
        agent_run.wait(RESTART_EVERY)


@contextmanager
def suspended(agent_run: AgentRun) -> Iterator[None]:
    """Stop it meanwhile."""
    agent_run.process.freeze()
    try:
        yield
    finally:
        agent_run.process.thaw()


class OutputPipe:
    """A pipe in place of an agent's standard error; a thread passes on what comes, until `clog`."""

    def __init__(self, log: Path) -> None:
        self._reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE)
        self._clogged = False
        self._log = log
        self._thread = threading.Thread(target=self._pass_on)
        self._thread.start()

    def _pass_on(self) -> None:
        with self._log.open("ab", buffering=0) as log:
            while (said := os.read(self._reader, PIPE)) and not self._clogged:
                log.write(said)

    def clog(self) -> None:
        """Read no more, and fill the pipe: nothing goes into it from now on."""
        # Opened anew, so that only this descriptor does not wait.
        pipe = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        self._clogged = True
        while self._thread.is_alive():  # it ends with its next read
            with suppress(BlockingIOError):
                os.write(pipe, b"\n")
            self._thread.join(0.01)
        with suppress(BlockingIOError):
            while True:
                os.write(pipe, b"\n")
        os.close(pipe)

    def close(self) -> None:
        """Close it, once the agent has ended."""
        os.close(self.writer)
        self._thread.join()
        os.close(self._reader)


@contextmanager
def output_in_pipe(agent_run: AgentRun) -> Iterator[None]:
    """Read the agent's standard error until `stop_reading_output`."""
    pipe = OutputPipe(agent_run.log)
    agent_run.output, agent_run.clog_output = pipe.writer, pipe.clog
    try:
        yield
    finally:
        pipe.close()


def stop_reading_output(agent_run: AgentRun) -> None:
    """Read it no more; the pipe is full."""
    agent_run.clog_output()
