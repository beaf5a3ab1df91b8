"""Remembers how the agent left its key files, and notices what somebody else does to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, final

import structlog

from freshkey.core.model.faults import FaultError
from freshkey.core.model.struct import Struct, replace
from freshkey.core.model.text import one_line
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

    def is_as_left(self, path: Path) -> bool:
        """Whether it was written or removed without a fault, and nobody has touched it since."""
        return path in self._left and not self.is_changed(path)

    @contextmanager
    def changing(self, name: str | None, path: Path) -> Iterator[None]:
        """Write or remove a file of the key called `name` within, None where that is not known.

        What somebody else has done to it before is told. A file that was touched, and still is as
        it should be, was not changed; the agent can't know who should pass a directory, so a
        change of that is told only.
        """
        left, found = self._left.pop(path, None), _look(path)
        try:
            yield
        except FaultError:
            _tell(name, path, left, found, mended=False)
            raise
        now = self._left[path] = _look(path)
        if now.file == found.file and left is not None:
            left = replace(left, file=found.file)
        _tell(name, path, left, found, mended=True)


def _look(path: Path) -> Look:
    return Look(stamp(path), access_stamp(path.parent))


def _tell(name: str | None, path: Path, left: Look | None, found: Look, *, mended: bool) -> None:
    if left is None:
        return
    text = one_line(str(path))
    if (change := difference(left.file, found.file)) is not None:
        log.warning("key.file_changed", key=name, path=text, change=change, mended=mended)
    elif (change := difference(left.directory, found.directory)) is not None:
        parent = one_line(str(path.parent))
        log.warning("key.directory_changed", key=name, path=parent, change=change)
