"""What is mounted, as /proc/PID/mountinfo lists it (proc(5))."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from freshkey.core.model.struct import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPE = re.compile(r"\\([0-7]{3})")  # for space, tab, newline, and the backslash itself


class Mount(Struct, frozen=True):
    """One mount; several share a device when a file system is bound to other places.

    `root` is what of the file system is mounted, with `//deleted` after a path that is gone;
    `kind` is its type, such as `ext4`; `options` are the file system's, not the mount's.
    """

    device: int
    root: str
    point: str
    kind: str
    options: tuple[str, ...]

    @property
    def in_memory(self) -> bool:
        """Whether it is tmpfs or ramfs."""
        return self.kind in {"tmpfs", "ramfs"}

    @property
    def can_swap(self) -> bool:
        """Whether the kernel may write what is in it to swap: ramfs never."""
        return self.kind == "tmpfs" and "noswap" not in self.options


def mounts(table: str) -> Iterator[Mount]:
    """Read a mountinfo table; a line that is none is left out."""
    for line in table.splitlines():
        mount, _, source = line.partition(" - ")
        fields, described = mount.split(), source.split()
        if not described:
            continue
        major, minor = fields[2].split(":")
        yield Mount(
            os.makedev(int(major), int(minor)),
            _unescaped(fields[3]),
            _unescaped(fields[4]),
            described[0],
            tuple(described[-1].split(",")),
        )


def _unescaped(field: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)
