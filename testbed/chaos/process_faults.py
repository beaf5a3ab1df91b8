"""What happens to the agent's own process, and to its output."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from testbed.chaos.trial import Trial

STORM: Final = 8
STORM_EVERY: Final = 2.0
RESTARTS: Final = 4
RESTART_EVERY: Final = 5.0
"""Seconds between two starts, as STORM_EVERY."""

PIPE: Final = 4096
"""Bytes, the least that a pipe may have."""


def nothing(_trial: Trial) -> None:
    """Leave it alone."""


def restart_storm(trial: Trial) -> None:
    """Kill it and start it at once, again and again."""
    for _ in range(STORM):
        trial.process.kill()
        trial.start()
        trial.wait(STORM_EVERY)


def graceful_restarts(trial: Trial) -> None:
    """Restart it as after an update."""
    for _ in range(RESTARTS):
        trial.terminate()
        trial.start()
        trial.wait(RESTART_EVERY)


@contextmanager
def suspended(trial: Trial) -> Iterator[None]:
    """Stop it meanwhile."""
    trial.process.freeze()
    try:
        yield
    finally:
        trial.process.thaw()


@contextmanager
def output_in_pipe(trial: Trial) -> Iterator[None]:
    """Let a thread pass its output on to its log, until `stop_reading_output`."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    trial.output = writer

    def pass_on() -> None:
        with trial.log.open("ab", buffering=0) as log:
            while not trial.output_unread.is_set() and (said := os.read(reader, PIPE)):
                log.write(said)

    passing_on = threading.Thread(target=pass_on)
    passing_on.start()
    try:
        yield
    finally:
        os.close(writer)  # the agent's is closed already
        passing_on.join()
        os.close(reader)


def stop_reading_output(trial: Trial) -> None:
    """Stop that thread, and fill the pipe: nothing more goes into it."""
    if trial.output is None:
        raise RuntimeError("its output is not in a pipe")
    trial.output_unread.set()
    # Opened anew, so that only this descriptor does not wait.
    pipe = os.open(Path(f"/proc/self/fd/{trial.output}"), os.O_WRONLY | os.O_NONBLOCK)
    written = 0
    with suppress(BlockingIOError):
        while True:  # the first bytes may still wake the thread, which then ends
            written += os.write(pipe, b"\n" * PIPE)
    os.close(pipe)
