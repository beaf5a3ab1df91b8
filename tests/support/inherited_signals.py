"""Programs that start with signals ignored or blocked, as `nohup … &` and some CI systems do it."""

from __future__ import annotations

import sys
from typing import Final

HOW: Final = ("ignored", "blocked")

_BECOME: Final = """
import os, signal, sys
how, *command = sys.argv[1:]
numbers = [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM]
if how == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
else:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
os.execvp(command[0], command)
"""


def with_signals(how: str) -> tuple[str, ...]:
    """Return what to put before a command, so that it starts with them ignored or blocked."""
    return sys.executable, "-c", _BECOME, how
