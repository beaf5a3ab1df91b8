"""Sends exceptions that nobody caught through the log, and so through its redaction."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from types import TracebackType

_log = structlog.get_logger()


def take_over() -> None:
    """Replace Python's three last resorts, which print to stderr as it comes."""
    sys.excepthook = _process
    threading.excepthook = _thread
    sys.unraisablehook = _finalizer


def _process(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("process.crashed", exc_info=(kind, error, traceback))


def _thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_type is not SystemExit and crash.exc_value is not None:
        name = crash.thread.name if crash.thread else None
        exc_info = (crash.exc_type, crash.exc_value, crash.exc_traceback)
        _log.critical("thread.crashed", thread=name, exc_info=exc_info)


def _finalizer(crash: sys.UnraisableHookArgs) -> None:
    _log.error(
        "finalizer.failed",
        object=crash.object,
        message=crash.err_msg,
        exc_info=(crash.exc_type, crash.exc_value, crash.exc_traceback),
    )
