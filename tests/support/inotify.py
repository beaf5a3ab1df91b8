"""inotify(7), which Python lacks: what a program that watches a file is told."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

IN_CLOSE_WRITE: Final = 0x8
IN_MOVED_TO: Final = 0x80
IN_ATTRIB: Final = 0x4
IN_DELETE_SELF: Final = 0x400
_EVENT: Final = struct.Struct("iIII")


class Watch:
    """A context manager: what happens to one file or directory, as the kernel tells it."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_CLOEXEC)
        wanted = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF
        if libc.inotify_add_watch(self._descriptor, os.fsencode(path), wanted) < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch: {path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def events(self, seconds: float) -> list[tuple[int, str]]:
        """Wait for events; return the mask of each and the name of the file, if it has one."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        data, found = os.read(self._descriptor, 65536), []
        while data:
            _, mask, _, length = _EVENT.unpack_from(data)
            name, data = data[_EVENT.size :][:length], data[_EVENT.size + length :]
            found.append((mask, os.fsdecode(name.rstrip(b"\0"))))
        return found
