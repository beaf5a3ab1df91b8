"""Commands under test, each with all that it starts in a session that ends with the test."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sessions:
    """Starts commands, each in a session of its own, with nothing but PATH in its environment."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []

    def start(
        self, *command: str, stderr: int | IO[bytes], text: bool = False, **more: str
    ) -> subprocess.Popen[Any]:
        """Start a command; `more` are the variables that it gets beside PATH."""
        process: subprocess.Popen[Any] = subprocess.Popen(
            command,
            env={"PATH": os.defpath, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=text,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what is left of them: a child would hold the pipes."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)


@contextmanager
def sessions() -> Iterator[Sessions]:
    """Give what starts commands; all have ended afterwards."""
    made = Sessions()
    try:
        yield made
    finally:
        made.end()
