"""Sets logging up, once at the start of a command that logs."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import structlog
from structlog.processors import JSONRenderer, TimeStamper, add_log_level, format_exc_info

from freshkey.logs import crashes, journald, library, standard_error
from freshkey.logs.redact import redact_value
from freshkey.logs.sink import Sink, StandardError
from freshkey.logs.standard_error import STANDARD_ERROR, is_replaced

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict, Processor

_FIRST = ("timestamp", "level", "event")


def configure(level: str, layout: str, stream: TextIO | None = None) -> None:
    """Log events of `level` and above to standard error, or to `stream`, a line each.

    `layout` is json, console, or auto: console on a terminal, in systemd's journal with fields, and
    json elsewhere. Libraries are heard from warning on, with level debug all of them. Uncaught
    exceptions are logged too, instead of printed.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    if stream is None and is_replaced():
        stream = sys.stderr
    if stream is None:
        own = layout == "auto" and standard_error.is_journal() and standard_error.is_service()
        standard_error.stream().write_with(journald.journal().write if own else os.write)
    sink = StandardError() if stream is None else Sink(stream)
    terminal = os.isatty(STANDARD_ERROR) if stream is None else stream.isatty()
    console = layout == "console" or (layout == "auto" and terminal)
    structlog.configure(
        processors=[*_FIELDS, _console(colors=terminal)] if console else json_lines(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,  # a later call takes effect everywhere
    )
    library.take_over(number if number == logging.DEBUG else max(number, logging.WARNING))
    crashes.take_over()


def json_sink() -> StandardError | Sink | None:
    """Return what takes finished lines of JSON for the log; None when it is no JSON."""
    config = structlog.get_config()
    if not isinstance(config["processors"][-1], JSONRenderer):
        return None
    sink: StandardError | Sink = config["logger_factory"]()
    return sink


def json_lines() -> list[Processor]:
    """Return what makes a line of JSON of an event, with every secret in it masked."""
    return [*_FIELDS, JSONRenderer()]


def _console(*, colors: bool) -> Processor:
    dev = import_module("structlog.dev")  # it was left out of structlog (`import_slim`)
    plain = dev.plain_traceback  # rich's would show locals
    renderer: Processor = dev.ConsoleRenderer(
        colors=colors, sort_keys=False, exception_formatter=plain
    )
    return renderer


def _masked(_logger: object, _method: str, event: EventDict) -> EventDict:
    ordered = {**{name: event.pop(name) for name in _FIRST}, **event}
    return {str(redact_value(name)): redact_value(value) for name, value in ordered.items()}


_FIELDS: Final[tuple[Processor, ...]] = (
    add_log_level,
    TimeStamper(fmt="iso", utc=True),  # RFC 3339 with Z
    format_exc_info,
    _masked,
)
