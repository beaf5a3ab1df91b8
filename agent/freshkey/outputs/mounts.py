"""File systems in memory, as /proc/PID/mountinfo lists them (proc(5))."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPE = re.compile(r"\\([0-7]{3})")  # for space, tab, newline, and the backslash itself


@dataclass(frozen=True, slots=True)
class MemoryMount:
    """A mount of tmpfs or ramfs; several share a device when one is bound to other places."""

    device: int
    point: str
    can_swap: bool


def memory_mounts(table: str) -> Iterator[MemoryMount]:
    """Read the mounts of tmpfs and ramfs from a mountinfo table; ramfs is never swapped."""
    for line in table.splitlines():
        mount, _, source = line.partition(" - ")
        fields, described = mount.split(), source.split()
        if not described or described[0] not in {"tmpfs", "ramfs"}:
            continue
        major, minor = fields[2].split(":")
        yield MemoryMount(
            os.makedev(int(major), int(minor)),
            _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]),
            # Of the file system, not of one mount of it: the last field.
            described[0] == "tmpfs" and "noswap" not in described[-1].split(","),
        )
