"""Remembers how the agent left its key files, and notices what somebody else does to them."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, final

import structlog

from freshkey.core.model.faults import FaultError
from freshkey.core.model.struct import Struct, replace
from freshkey.core.model.text import one_line
from freshkey.outputs.directories import open_directory
from freshkey.outputs.stamps import Stamp, access_stamp, difference, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Look(Struct, frozen=True):
    """What was seen of a file, and of who may do what in its directory."""

    file: Stamp | None
    directory: Stamp | None


@final
class FileWatch:
    """Knows the paths that were written or removed without a fault; others are tried again soon."""

    def __init__(self) -> None:
        self._left: dict[Path, Look] = {}

    def is_changed(self, path: Path) -> bool:
        """Whether somebody else has touched the file, or its directory's access."""
        return path in self._left and self._left[path] != _look(path)

    @contextmanager
    def changing(self, name: str, path: Path) -> Iterator[None]:
        """Write or remove a file of the key called `name` within.

        What somebody else has done to it before is told. A directory that is gone is made as it
        was; the agent can't know who should pass one that is there, so a change of that is told
        only. A file that was touched, and still is as it should be, was not changed.
        """
        left, found = self._left.pop(path, None), _look(path)
        if left and left.file and left.directory and not found.directory:
            _make_as_it_was(path.parent, left.directory)
        try:
            yield
        except FaultError:
            _tell(name, path, left, found, mended=False)
            raise
        now = self._left[path] = _look(path)
        if now.file == found.file and left is not None:
            left = replace(left, file=found.file)
        _tell(name, path, left, replace(found, directory=now.directory), mended=True)


def _make_as_it_was(directory: Path, left: Stamp) -> None:
    """Give back what the files in there take from it: its group, and the right to pass it."""
    with suppress(OSError, FaultError):  # the write says what is wrong
        descriptor = open_directory(directory)
        try:
            os.fchown(descriptor, left.uid, left.gid)
            os.fchmod(descriptor, stat.S_IMODE(left.mode))
        finally:
            os.close(descriptor)


def _look(path: Path) -> Look:
    return Look(stamp(path), access_stamp(path.parent))


def _tell(name: str, path: Path, left: Look | None, found: Look, *, mended: bool) -> None:
    if left is None:
        return
    text = one_line(str(path))
    if (change := difference(left.file, found.file)) is not None:
        log.warning("key.file_changed", key=name, path=text, change=change, mended=mended)
    if (change := difference(left.directory, found.directory)) is not None:
        parent = one_line(str(path.parent))
        log.warning("key.directory_changed", key=name, path=parent, change=change)
