"""The record for auditors: what became of each key, and who read it. No level filters it."""

from __future__ import annotations

import os
from logging import DEBUG, INFO
from threading import Lock
from typing import TYPE_CHECKING, Final, final

import structlog

from freshkey.logs.setup import json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NONBLOCKING: Final = os.O_NONBLOCK  # a named pipe without a reader must not hold up the agent
_EVERYTHING: Final = structlog.make_filtering_bound_logger(DEBUG)


@final
class Audit:
    """Writes to the file at `path`, or, without one, with the log.

    What the file does not take goes to the log: no record is lost for a full disk.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._log: FilteringBoundLogger = structlog.wrap_logger(None, wrapper_class=_EVERYTHING)
        self._file: FilteringBoundLogger | None = None
        self._failing = False
        if path is not None:
            self._file = structlog.wrap_logger(
                AuditFile(path), processors=json_lines(), wrapper_class=_EVERYTHING
            )

    def event(self, event: str, level: int = INFO, **fields: object) -> None:
        """Record what became of a key. With a file, it goes to the log too."""
        self._log.log(level, event, **fields)
        if self._file is not None:
            self._to_file(self._file, event, level, fields)

    def read(self, event: str, **fields: object) -> None:
        """Record who read a key. With a file, it stays out of the log, which it would fill."""
        if self._file is None or not self._to_file(self._file, event, INFO, fields):
            self._log.info(event, **fields)

    def _to_file(
        self, file: FilteringBoundLogger, event: str, level: int, fields: dict[str, object]
    ) -> bool:
        try:
            file.log(level, event, **fields)
        except OSError as error:
            if not self._failing:
                what = "records go to the log until it can be written again"
                self._log.warning("audit.failed", error=error.strerror, message=what)
            self._failing = True
            return False
        if self._failing:
            self._log.info("audit.recovered")
        self._failing = False
        return True


@final
class AuditFile:
    """Appends lines to a file, 0600, that may be moved away while it is in use (logrotate(8))."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._inode = (-1, -1)
        self._lock = Lock()

    def write(self, line: str) -> None:
        """Write `line` and a newline in one piece; raises OSError."""
        data = f"{line}\n".encode()
        with self._lock:
            self._follow()
            if os.write(self._descriptor, data) < len(data):
                raise OSError(None, "only a part could be written")

    def _follow(self) -> None:
        """Open the file that has the name now."""
        try:
            found = self._path.lstat()
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._inode:
                return
        except FileNotFoundError:
            pass
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._descriptor = os.open(self._path, _APPEND | _NONBLOCKING, 0o600)
        opened = os.fstat(self._descriptor)
        self._inode = (opened.st_dev, opened.st_ino)

    debug = info = warning = error = critical = write  # structlog calls a method per level
