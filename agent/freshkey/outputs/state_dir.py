"""The agent's own directory: private, in memory, and locked for as long as the agent lives."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from freshkey.outputs.directories import in_memory, open_directory
from freshkey.outputs.errors import refusal, reported

if TYPE_CHECKING:
    from types import TracebackType

_PRIVATE: Final = 0o700
LOCK: Final = "lock"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class StateDirectory:
    """An open, locked state directory; `descriptor` is what its files are opened relative to."""

    def __init__(self, path: Path, descriptor: int, lock: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._lock = lock

    @classmethod
    def open(cls, directory: Path, *, allow_disk: bool) -> StateDirectory:
        """Open or make the directory (0700), and lock it until `close` or the process's end.

        Raises FaultError (`output`) when it belongs to another user, lets others in, is neither on
        tmpfs nor on ramfs without `allow_disk`, or is locked by another agent.
        """
        with reported(directory):
            descriptor = open_directory(directory, _PRIVATE)
            try:
                inspect(directory, descriptor, allow_disk=allow_disk)
                return cls(directory, descriptor, _locked(directory, descriptor))
            except BaseException:
                os.close(descriptor)
                raise

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def inspect(path: Path, descriptor: int, *, allow_disk: bool) -> None:
    """Raise FaultError when an open directory is not fit for the agent's state."""
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise refusal(
            path,
            f"belongs to uid {status.st_uid} and the agent runs as uid {os.geteuid()}: "
            "chown it, or set state.directory to one of the agent's own",
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise refusal(
            path,
            f"is open to others (mode {stat.S_IMODE(status.st_mode):04o}): "
            "chmod 0700 it, or set state.directory to a new directory inside it",
        )
    if not (allow_disk or in_memory(descriptor)):
        raise refusal(
            path, "is not on tmpfs or ramfs: move it there, or set state.allow_disk = true"
        )


def _locked(path: Path, descriptor: int) -> int:
    """Take the lock (flock(2)): the kernel drops it with the process, however that ends."""
    lock = os.open(LOCK, _LOCK_FLAGS, 0o600, dir_fd=descriptor)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 100, 0).decode(errors="replace").strip() or "another process"
        os.close(lock)
        raise refusal(
            path, f"is in use by {holder}: stop that, or set another state.directory"
        ) from None
    with suppress(OSError):  # a full file system: the lock holds all the same
        command = Path("/proc/self/comm").read_text(errors="replace").strip()
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} ({command})\n".encode(), 0)
    return lock
