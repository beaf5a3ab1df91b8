"""Keeps what the process holds in memory from leaving it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Final

_PR_GET_DUMPABLE: Final = 3  # linux/prctl.h
_PR_SET_DUMPABLE: Final = 4
_PR_SET_PDEATHSIG: Final = 1
_MCL_CURRENT: Final = 1  # asm-generic/mman.h
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4
_STATUS: Final = Path("/proc/self/status")


def harden(*, lock_memory: bool = False) -> list[str]:
    """Forbid core dumps and debuggers of the same user, and make new files private (umask 077).

    PR_SET_DUMPABLE 0 (prctl(2)) also guards against a core pattern that pipes, which ignores
    RLIMIT_CORE, and gives /proc/PID to root. `lock_memory` keeps the process out of swap. Gives a
    line for each measure that can't be had; each is checked, because a sandbox may only pretend.
    """
    os.umask(0o077)
    lines = [_forbid_dumps(), _limit_core(), _lock_memory() if lock_memory else None]
    return [line for line in lines if line]


def end_with(parent: int) -> None:
    """Have this process get SIGTERM when its parent ends, however that ends (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), signal.SIGTERM)


def allow_descriptors(count: int) -> int:
    """Raise the soft limit of open files to `count`, if it is lower; return what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        soft = min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def _forbid_dumps() -> str | None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
    elif prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        reason = "had no effect"
    else:
        return None
    return f"the process can be dumped and traced by its user: prctl PR_SET_DUMPABLE: {reason}"


def _limit_core() -> str | None:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        return f"core dumps are not limited: setrlimit RLIMIT_CORE: {error}"
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return "core dumps are not limited: setrlimit RLIMIT_CORE: had no effect"
    return None


def _lock_memory() -> str | None:
    try:
        reason = _lock_pages()
    except (OSError, ValueError) as error:
        reason = f"setrlimit RLIMIT_MEMLOCK: {error}"
    if reason is None and _locked_kilobytes() > 0:
        return None
    return (
        f"memory can be written to swap: mlockall: {reason or 'had no effect'}: set "
        "LimitMEMLOCK=infinity for the unit (ulimit -Hl unlimited), or grant CAP_IPC_LOCK"
    )


def _lock_pages() -> str | None:
    """Lock all pages, those to come as well, each when it is first touched (mlockall(2)).

    Without MCL_ONFAULT every thread's stack of 8 MiB would be paid for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    unlimited = hard == resource.RLIM_INFINITY
    # Under a finite limit mmap(2) would fail later instead, a thread's start for one. With 0 only
    # CAP_IPC_LOCK gets through, for which there is no limit.
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard if unlimited else 0, hard))
    try:
        mlockall = ctypes.CDLL(None, use_errno=True).mlockall
        failed = mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0
        return os.strerror(ctypes.get_errno()) if failed else None
    finally:
        if not unlimited:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard))


def _locked_kilobytes() -> int:
    """What /proc says is locked (VmLck in proc(5)); 0 where it says nothing."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmLck:")), 0)
