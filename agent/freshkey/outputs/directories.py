"""Directories as descriptors: opened or made once, and then no longer looked up by name.

Whoever swaps a parent for a symbolic link after that changes nothing (openat(2)).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.outputs.errors import refusal
from freshkey.outputs.mounts import Mount, mounts

if TYPE_CHECKING:
    from collections.abc import Iterable

PASSABLE: Final = 0o751  # a made parent can be passed by all: the file's own mode guards the key
OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_MOUNTS = Path("/proc/self/mountinfo")


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
    return _device(path) in _memory_devices()


def file_system(path: Path) -> str | None:
    """Return the type of the file system that `path` is, or would be made, on; None: not told."""
    device = _device(path)
    return next((mount.kind for mount in _mounts() if mount.device == device), None)


def is_mounted_alone(path: Path) -> bool:
    """Whether a file is the root of a mount: it can't be replaced, and a reader sees no other."""
    place = os.path.realpath(path)
    return any(mount.point == place for mount in _mounts())


def mounted_alone_at(path: Path) -> tuple[str, ...]:
    """Name the other places where a file is mounted by itself: who reads it there sees no new one.

    Mounts of other namespaces, as containers have them, can't be seen from here.
    """
    place, mounted = Path(os.path.realpath(path)), _mounts()
    device = _device(place.parent)
    same = [mount for mount in mounted if mount.device == device]
    holding = [mount for mount in same if place.is_relative_to(mount.point)]
    if not holding:
        return ()
    within = max(holding, key=lambda mount: len(mount.point))
    root = str(Path(within.root) / place.relative_to(within.point))
    found = (mount.point for mount in same if mount.root.removesuffix("//deleted") == root)
    return tuple(point for point in found if point != str(place))


def swappable_mounts(paths: Iterable[Path]) -> tuple[str, ...]:
    """Name the mount points, once each, under which tmpfs holds `paths` and may swap them."""
    found: dict[int, str] = {}
    mounted = _mounts()
    for path in paths:
        device = _device(path)
        points = [mount.point for mount in mounted if mount.device == device and mount.can_swap]
        if device is not None and points:
            real = os.path.realpath(path)
            holding = [point for point in points if Path(real).is_relative_to(point)]
            found.setdefault(device, max(holding or points, key=len))
    return tuple(found.values())


def _device(path: Path) -> int | None:
    """The device that `path` is, or would be made, on."""
    for place in (path, *path.parents):
        try:
            return place.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:
            break
    return None


def _memory_devices() -> set[int]:
    return {mount.device for mount in _mounts() if mount.in_memory}


def _mounts() -> tuple[Mount, ...]:
    try:
        return tuple(mounts(_MOUNTS.read_text(errors="replace")))
    except OSError:
        return ()
