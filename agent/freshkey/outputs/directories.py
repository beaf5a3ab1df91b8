"""Directories as descriptors: opened or made once, and then no longer looked up by name.

Whoever swaps a parent for a symbolic link after that changes nothing (openat(2)).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from freshkey.outputs.errors import refusal

PASSABLE: Final = 0o751  # a made parent can be passed by all: the file's own mode guards the key
OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = ("tmpfs", "ramfs")


def open_directory(path: Path, mode: int = PASSABLE) -> int:
    """Open the directory at the absolute `path`, and give the descriptor, which the caller closes.

    A missing one is made with `mode`, whatever the umask, and its missing ancestors with 0751; a
    setgid bit is inherited as always. Raises OSError, and FaultError where one would have to be
    made in a directory in which others can swap it.
    """
    try:
        return os.open(path, OPEN_DIRECTORY)
    except FileNotFoundError:
        parent = open_directory(path.parent)
    try:
        refuse_if_others_write(parent, path.parent)
        os.mkdir(path.name, 0o700, dir_fd=parent)
        made = os.open(path.name, OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        os.fchmod(made, mode | os.fstat(made).st_mode & stat.S_ISGID)
    except OSError:
        os.close(made)
        raise
    return made


def refuse_if_others_write(directory: int, path: Path) -> str | None:
    """Raise FaultError when everybody can replace what is in there.

    The root of a mount that is 0777 is how Kubernetes hands out an emptyDir: that gives a warning
    to log instead. It is known by another device than its parent's, as in mountpoint(1).
    """
    status = os.fstat(directory)
    if not status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_ISVTX:
        return None
    if os.stat("..", dir_fd=directory).st_dev == status.st_dev:
        raise refusal(
            path, "everybody can write here and replace a key file: chmod o-w it, or set +t"
        )
    return f"{path}: everybody who sees this mount can replace what is in it"


def in_memory(directory: int) -> bool:
    """Whether an open directory is on tmpfs or ramfs: its device is one of theirs."""
    return os.fstat(directory).st_dev in _memory_devices()


def is_memory_backed(path: Path) -> bool:
    """Whether `path` is, or would be made, on tmpfs or ramfs. False when that can't be told."""
    for place in (path, *path.parents):
        try:
            return place.stat().st_dev in _memory_devices()
        except FileNotFoundError:
            continue
        except OSError:
            break
    return False


def _memory_devices() -> set[int]:
    """Devices of the tmpfs and ramfs mounts: fields 3 and, after the dash, 1 (proc(5))."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        mount, _, source = line.partition(" - ")
        if source.startswith(_IN_MEMORY):
            major, minor = mount.split()[2].split(":")
            found.add(os.makedev(int(major), int(minor)))
    return found
