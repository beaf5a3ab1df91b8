"""The record for auditors: what became of each key, and who read it. No level filters it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from logging import DEBUG, INFO
from typing import TYPE_CHECKING, Final, final

import structlog

from freshkey.logs.audit_file import AuditFile, NotTakenError
from freshkey.logs.redact import redact_value
from freshkey.logs.setup import json_lines, json_sink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

_EVERYTHING: Final = structlog.make_filtering_bound_logger(DEBUG)
_STEADY_AFTER: Final = 5.0  # seconds without a failure; a nearly full disk works by turns
_LONGEST: Final = 256  # characters of a field of a read
_ADVICE: Final = "events go to the log until it can be written again"


@final
class Audit:
    """Writes to the file at `path`, or, without one, with the log.

    What the file does not take goes to the log: no event is lost because a disk is full.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._log: FilteringBoundLogger = structlog.wrap_logger(None, wrapper_class=_EVERYTHING)
        self._path = path
        self._file = None if path is None else AuditFile(path)
        self._lines = _Lines()
        self._encoded: FilteringBoundLogger = structlog.wrap_logger(
            self._lines, processors=json_lines(), wrapper_class=_EVERYTHING
        )
        self._reads: list[bytes] = []
        self._failing, self._failed_at = False, 0.0

    def event(self, event: str, level: int = INFO, **fields: object) -> None:
        """Record what became of a key, at once. With a file, it goes to the log too."""
        self.flush()
        self._log.log(level, event, **fields)
        if self._file is not None:
            self._encoded.log(level, event, **fields)
            self._append(self._file, self._lines.take())

    def part(self, **fields: object) -> bytes:
        """Encode fields for `read`, with what is secret masked; may be used many times.

        What clients say is cut, but after it was masked: a part of a secret looks like none.
        """
        masked = {name: redact_value(value) for name, value in fields.items()}
        cut = {name: v[:_LONGEST] if isinstance(v, str) else v for name, v in masked.items()}
        return json.dumps(cut)[1:-1].encode()

    def read(self, event: str, *parts: bytes) -> None:
        """Record who asked for a key, from what `part` made; `flush` has to follow.

        With a file, it stays out of the log, which it would fill.
        """
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        head = f'{{"timestamp": "{now}", "level": "info", "event": "{event}", '.encode()
        self._reads.append(b"%b%b}\n" % (head, b", ".join(parts)))

    def flush(self) -> None:
        """Write the reads of which the record is not written yet, all together."""
        if self._reads:
            reads, self._reads = self._reads, []
            untaken = reads if self._file is None else self._append(self._file, reads)
            self._log_lines(untaken)

    def close(self) -> None:
        """Write what is left, and close the file; it is opened again if need be."""
        self.flush()
        if self._file is not None:
            self._file.close()

    def _append(self, file: AuditFile, lines: Sequence[bytes]) -> Sequence[bytes]:
        """Return the lines that the file did not take."""
        try:
            file.append(lines)
        except NotTakenError as error:
            if not self._failing:
                told = {"file": str(self._path), "error": error.why, "message": _ADVICE}
                self._log.warning("audit.failed", **told)
            self._failing, self._failed_at = True, time.monotonic()
            return lines[len(lines) - error.rest :]
        if self._failing and time.monotonic() - self._failed_at >= _STEADY_AFTER:
            self._failing = False
            self._log.info("audit.recovered", file=str(self._path))
        return ()

    def _log_lines(self, lines: Sequence[bytes]) -> None:
        sink = json_sink()
        for line in lines:
            if sink is not None:
                sink.info(line.decode().removesuffix("\n"))
            else:
                fields = json.loads(line)
                del fields["timestamp"], fields["level"]
                self._log.info(**fields)


@final
class _Lines:
    """Collects what structlog renders."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def take(self) -> list[bytes]:
        lines, self._lines = self._lines, []
        return lines

    def write(self, line: str) -> None:
        self._lines.append(f"{line}\n".encode())

    debug = info = warning = error = critical = write  # structlog calls a method per level
