"""Child processes: started as this one was found, and reaped, whosever they were."""

from __future__ import annotations

import os
import resource
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BY_SIGNAL: Final = 128  # added to its number, as shells do
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126

# The interpreter ignores these before any code of ours runs (Python/pylifecycle.c), so how they
# were found is not known. A shell starts a command with both as usual.
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


class Found(NamedTuple):
    """What this process inherited, and changes for itself: signal mask and core limits."""

    mask: set[int]
    core: tuple[int, int]


class StartError(Exception):
    """The command can't be started: one line, and the status that a shell would give."""

    def __init__(self, line: str, status: int) -> None:
        super().__init__(line)
        self.status = status


def find(mask: set[int]) -> Found:
    """Remember what was found, and forbid core dumps of this process.

    Only the soft limit goes down, because the hard one could not be raised again. A limit of 1 is
    too small for a file and, unlike 0, kept where cores go to a program, too (fs/coredump.c).
    """
    found = Found(mask, resource.getrlimit(resource.RLIMIT_CORE))
    _forbid_core(found)
    return found


def start(command: list[str], environment: Mapping[str, str], found: Found) -> int:
    """Start a command, looked for in PATH, and return its process id.

    It gets the descriptors, the umask, the limits, and the signals that this process was found
    with, and stays in its process group, where the terminal reaches it. Raises StartError.
    """
    if not command[0]:
        raise StartError("there is no command without a name: name one after --", _NOT_FOUND)
    resource.setrlimit(resource.RLIMIT_CORE, found.core)
    try:
        return os.posix_spawnp(
            command[0],
            command,
            environment,
            setsigmask=found.mask,
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except (FileNotFoundError, NotADirectoryError):
        raise StartError(
            "there is no such command, or no such interpreter: look at PATH", _NOT_FOUND
        ) from None
    except OSError as error:
        raise StartError(f"can't be executed: {error.strerror}", _NOT_EXECUTABLE) from None
    except ValueError:  # a null character, and its message could quote a key
        raise StartError("a null character can't be passed to a command", _NOT_EXECUTABLE) from None
    finally:
        _forbid_core(found)


def reap() -> Iterator[tuple[int, int]]:
    """Give id and wait status of every child that has ended or stopped.

    Process 1 is given the orphans of others, too: whoever asks only for its own would leave them
    as zombies.
    """
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if process == 0:
            return
        yield process, status


def exit_status(wait_status: int) -> int:
    """Return the status of a child that ended, as a shell gives it."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else _BY_SIGNAL - code


def _forbid_core(found: Found) -> None:
    hard = found.core[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))
