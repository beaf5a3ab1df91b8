"""Signals a process that was pinned first: its number can't be given to another one meanwhile.

A pidfd stands for one process (pidfd_open(2)). What named the process is asked again once it is
pinned: only if it still names the same one, that is the one that was meant.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.hooks.errors import HookError
from freshkey.hooks.programs import find_program, refuse_replaceable
from freshkey.host.command import run_command
from freshkey.host.environment import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 64  # bytes that are read of a pid file: more than its first line
_PROC: Final = Path("/proc")
_EFFECTIVE: Final = re.compile(r"^Uid:\s+\d+\s+(\d+)", re.MULTILINE)  # proc_pid_status(5)


def signal_pid_file(path: Path, number: signal.Signals) -> int:
    """Signal the process whose id stands in a file; return the id. Raises HookError.

    The file, and the directories before it, must belong to root, the agent's user, or the
    process's own user: anybody else could have processes signalled that are not theirs.
    """
    pid = _pid_in(path)
    with _pinned(pid) as process:
        user = _user_of(pid)
        if _pid_in(path) != pid:
            raise HookError(f"{path} has changed meanwhile: this is tried again")
        owners = "root, the agent's user, or the user of the process"
        refuse_replaceable(path, owners, {user})
        _send(process, pid, number)
    return pid


async def signal_unit(unit: str, number: signal.Signals, seconds: float) -> int:
    """Signal the main process of a service of systemd; return its id. Raises HookError.

    systemd is asked for at most `seconds`, each time.
    """
    pid = await _main_pid(unit, seconds)
    with _pinned(pid) as process:
        if await _main_pid(unit, seconds) != pid:
            raise HookError(f"{unit} was restarted meanwhile: this is tried again")
        _send(process, pid, number)
    return pid


def _pid_in(path: Path) -> int:
    """Read a pid file (systemd.service(5), PIDFile=): a number, and lines that are not for us."""
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would be waited for
        with os.fdopen(os.open(path, flags), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            first = file.read(_LONGEST).partition(b"\n")[0].strip() if regular else b""
    except FileNotFoundError:
        raise HookError(f"{path} is not there: does the process run?") from None
    except OSError as error:
        raise HookError(f"{path} can't be read: {error.strerror}") from None
    if not re.fullmatch(rb"[1-9][0-9]{0,9}", first):
        raise HookError(f"{path} holds no process id: name the file that the process writes")
    return int(first)


async def _main_pid(unit: str, seconds: float) -> int:
    environment = clean_environment({})
    program = find_program("systemctl", environment)
    command = ("systemctl", "show", "--property=MainPID", "--value", "--", unit)
    try:
        ended = await run_command(program, command, environment, seconds)
    except OSError as error:
        raise HookError(f"{program} can't be run: {error.strerror}") from None
    text = " ".join(ended.output)
    if ended.status != 0:
        reason = text or "no answer"
        raise HookError(f"systemctl does not tell the main process of {unit}: {reason}")
    if not re.fullmatch(r"[1-9][0-9]{0,9}", text):
        raise HookError(f"{unit} has no main process: does it run?")
    return int(text)


@contextmanager
def _pinned(pid: int) -> Iterator[int]:
    if pid in {1, os.getpid()}:
        whose = "the first process" if pid == 1 else "the agent itself"
        raise HookError(f"process {pid} is {whose}, which is not signalled: name another")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        raise HookError(f"there is no process {pid} any more: is it starting?") from None
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", "the number is too large")
        raise HookError(f"process {pid} can't be pinned: {reason}") from None
    try:
        yield process
    finally:
        os.close(process)


def _user_of(pid: int) -> int:
    """Return the effective user of a process; what is read is about the one that is pinned."""
    try:
        found = _EFFECTIVE.search((_PROC / str(pid) / "status").read_text(errors="replace"))
    except OSError:
        found = None
    if found is None:
        raise HookError(f"the user of process {pid} can't be seen: show the agent /proc")
    return int(found[1])


def _send(process: int, pid: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(process, number)
    except ProcessLookupError:
        raise HookError(f"process {pid} has ended: is it starting anew?") from None
    except PermissionError:
        raise HookError(
            f"process {pid} may not be signalled by user id {os.geteuid()}: run the agent as the "
            "user of the process, or give it CAP_KILL"
        ) from None
