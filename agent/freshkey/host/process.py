"""Keeps what the process holds in memory from leaving it."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def harden() -> list[str]:
    """Forbid core dumps and debuggers of the same user, and make new files private (umask 077).

    PR_SET_DUMPABLE 0 (prctl(2)) also guards against a core pattern that pipes, which ignores
    RLIMIT_CORE, and gives /proc/PID to root. Gives a line for each measure that can't be had.
    """
    os.umask(0o077)
    return [line for line in (_forbid_dumps(), _limit_core()) if line]


def _forbid_dumps() -> str | None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0:
        return None
    reason = os.strerror(ctypes.get_errno())
    return f"the process can be dumped and traced by its user: prctl PR_SET_DUMPABLE: {reason}"


def _limit_core() -> str | None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        return f"core dumps are not limited: setrlimit RLIMIT_CORE: {error}"
    return None
