"""The agent as a child of this command, where none runs: started, started again, and ended."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final, final

from freshkey.exec.processes import exit_status
from freshkey.logs.standard_error import STANDARD_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freshkey.exec.processes import Found

WRONG_SETTINGS: Final = 2  # the agent's status when no other start will go better

_FIRST_PAUSE: Final = 1.0  # seconds from its end to the next start, doubling
_LONGEST_PAUSE: Final = 60.0
_LONG_ENOUGH: Final = 60.0  # seconds of life after which the pause is the first one again

# What a service manager tells this process alone, see sd_notify(3) and sd_listen_fds(3).
_NOT_FOR_IT: Final = (
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
)


@final
class OwnAgent:
    """Runs `freshkey run` with a configuration. It ends with this process, even by a kill -9."""

    def __init__(self, config: Path, environment: Mapping[str, str], found: Found) -> None:
        self._config = config
        self._environment = {
            name: value for name, value in environment.items() if name not in _NOT_FOR_IT
        }
        self._found = found
        self._process: int | None = None
        self._started_at = 0.0
        self._pause = _FIRST_PAUSE
        self._due = 0.0
        self._ending = False

    @property
    def runs(self) -> bool:
        """Whether there is such a process."""
        return self._process is not None

    def due(self) -> float | None:
        """Return when `plan` has something to do."""
        return None if self.runs or self._ending else self._due

    def plan(self, now: float) -> None:
        """Start it if it is time to; raises OSError."""
        if self.runs or self._ending or now < self._due:
            return
        command = [
            sys.executable,
            "-P",  # what lies in the working directory is not imported
            "-m",
            "freshkey",
            "run",
            "--config",
            os.fspath(self._config),
            "--end-with",
            str(os.getpid()),
        ]
        self._process = os.posix_spawn(
            sys.executable,
            command,
            self._environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, 2, 1),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
            ],
            setsigmask=self._found.mask,
            setsigdef=(signal.SIGINT, signal.SIGTERM),
            setsid=True,  # a ^C on the terminal is for the command, which needs its key to the end
        )
        self._started_at = now

    def on_ended(self, process: int, wait_status: int, now: float) -> int | None:
        """Take the end of a process; return its status if it was the agent, None for others."""
        if process != self._process:
            return None
        self._process = None
        if now - self._started_at >= _LONG_ENOUGH:
            self._pause = _FIRST_PAUSE
        self._due = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return exit_status(wait_status)

    def end(self) -> None:
        """Have it end in order, and start it no more."""
        self._ending = True
        if self._process is not None:
            os.kill(self._process, signal.SIGTERM)


def _inheritable() -> list[int]:
    """Return the descriptors that were left open for the command."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        try:
            if int(name) > STANDARD_ERROR and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:  # the one that listed them
            continue
    return found
