"""What structlog hands its lines to: the process's standard error, or a stream of a test's."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, final

from freshkey.logs.standard_error import stream

if TYPE_CHECKING:
    from typing import TextIO


@final
class StandardError:
    """Takes lines and never waits; `debug` and `info` are the first to go when none are read."""

    def __init__(self) -> None:
        self._stream = stream()

    def write(self, line: str) -> None:
        """Take a line that stays as long as there is room for it."""
        self._stream.write(line)

    def write_expendable(self, line: str) -> None:
        """Take a line that goes first."""
        self._stream.write(line, expendable=True)

    debug = info = write_expendable  # structlog calls a method per level
    warning = error = critical = write


@final
class Sink:
    """Writes each line whole to a stream in memory; a line for a closed one is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()

    def write(self, line: str) -> None:
        """Write `line` and a newline."""
        with self._lock, suppress(OSError, ValueError):  # ValueError: the stream is closed
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = write  # structlog calls a method per level
