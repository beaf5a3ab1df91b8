"""A directory that one agent has to itself: private, in memory, and locked."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from freshkey.outputs.directories import in_memory, open_directory
from freshkey.outputs.errors import refusal

_PRIVATE: Final = 0o700
LOCK: Final = "lock"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class LockedDirectory:
    """One open, locked directory: it may not be at its path any more."""

    def __init__(self, path: Path, descriptor: int, lock: int) -> None:
        self._path = path
        self.descriptor = descriptor
        self._lock = lock

    @classmethod
    def open(cls, path: Path, *, allow_disk: bool) -> LockedDirectory:
        """Open or make it; see `StateDirectory.open`, which raises the same."""
        descriptor = open_directory(path, _PRIVATE)
        try:
            inspect(path, descriptor, allow_disk=allow_disk)
            return cls(path, descriptor, _locked(path, descriptor))
        except BaseException:
            os.close(descriptor)
            raise

    @property
    def is_at_its_path(self) -> bool:
        """Whether it is what its path leads to."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self.descriptor))
        except OSError:
            return False

    @property
    def is_removed(self) -> bool:
        """Whether it can't come back: a directory that was only moved has links."""
        return not os.fstat(self.descriptor).st_nlink

    def mend(self) -> str | None:
        """Make it private and locked again; say what was not so. Raises OSError, FaultError."""
        changes = [change for change in (self._mend_access(), self._mend_lock()) if change]
        return ", ".join(changes) or None

    def _mend_access(self) -> str | None:
        status = os.fstat(self.descriptor)
        owner, mode = status.st_uid, stat.S_IMODE(status.st_mode)
        if owner == os.geteuid() and mode & 0o777 == _PRIVATE:
            return None
        if owner != os.geteuid():
            os.fchown(self.descriptor, os.geteuid(), -1)
        os.fchmod(self.descriptor, mode & ~0o777 | _PRIVATE)
        return f"belonged to uid {owner} with mode {mode:04o}"

    def _mend_lock(self) -> str | None:
        """A lock on a file without a name keeps nobody out."""
        try:
            status = os.stat(LOCK, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            what = "its lock was removed"
        else:
            if os.path.samestat(status, os.fstat(self._lock)):
                return None
            what = "its lock was replaced"
            if not stat.S_ISREG(status.st_mode):
                _remove(LOCK, self.descriptor, status)
        lock = _locked(self._path, self.descriptor)
        os.close(self._lock)
        self._lock = lock
        return what

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)
        os.close(self.descriptor)


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
    except OSError:  # ENOLCK: no lock is to be had
        os.close(lock)
        raise
    with suppress(OSError):  # a full file system: the lock holds all the same
        command = Path("/proc/self/comm").read_text(errors="replace").strip()
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} ({command})\n".encode(), 0)
    return lock


def _remove(name: str, directory: int, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        os.rmdir(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)
