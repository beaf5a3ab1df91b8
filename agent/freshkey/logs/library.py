"""Brings what libraries log, and Python's warnings, into our own log."""

from __future__ import annotations

import logging

import structlog

_log = structlog.get_logger()


class LibraryHandler(logging.Handler):
    """Turns each record into a `library.message` event with fields `logger` and `message`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; never raises, because a library's mistake would show its arguments."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit, or whose str() fails
            message = str(record.msg)
        _log.log(
            _level(record.levelno),
            "library.message",
            logger=record.name,
            message=message,
            exc_info=record.exc_info,
        )


def take_over(level: int) -> None:
    """Make the handler the only one of the root logger, for records of `level` and above."""
    root = logging.getLogger()
    root.handlers[:] = [LibraryHandler()]
    root.setLevel(level)
    logging.captureWarnings(capture=True)


def _level(number: int) -> int:
    """The nearest of the five usual levels below, the only ones that structlog knows."""
    return min(max(number // 10 * 10, logging.DEBUG), logging.CRITICAL)
