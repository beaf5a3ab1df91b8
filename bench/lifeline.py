"""Kills the programs under measurement when the bench ends before them, however that ends.

A shell for all of them, which is there before the first: one for each would run while it starts.
"""

from __future__ import annotations

import atexit
import subprocess
from typing import Final

# The last line has those that run.
_SCRIPT: Final = 'while read -r pids; do last=$pids; done; [ -z "$last" ] || kill -9 $last'


class Lifeline:
    """Has a shell that waits for our end of a pipe."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        self._pids: set[int] = set()

    def start(self) -> None:
        """Start it, if that was not done yet."""
        if self._shell is None:
            self._shell = subprocess.Popen(
                ["sh", "-c", _SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # a terminal's Ctrl-C does not reach it
            )
            atexit.register(self._shell.communicate)

    def add(self, pid: int) -> None:
        """Kill this process, too."""
        self._pids.add(pid)
        self._tell()

    def remove(self, pid: int) -> None:
        """Leave this one alone, which has ended."""
        self._pids.discard(pid)
        self._tell()

    def _tell(self) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.write(f"{' '.join(map(str, self._pids))}\n".encode())
            self._shell.stdin.flush()


LIFELINE: Final = Lifeline()
