"""The only way to standard error: for the log, and for lines that a command says to a person."""

from __future__ import annotations

import atexit
import os
import sys
from functools import cache
from typing import Final

from freshkey.logs.stream import LineStream

STANDARD_ERROR: Final = 2
_AS_ERROR: Final = "<3>"  # for journald: sd-daemon(3)
_AT_THE_END: Final = 1.0  # seconds for what waits when the process ends


def occupy_standard_descriptors() -> None:
    """Open /dev/null where descriptor 0, 1, or 2 is closed.

    Otherwise the next file that is opened would get its number, and lines that are meant for
    standard error. To be called before any file is opened.
    """
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > STANDARD_ERROR:
            os.close(descriptor)
            return
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - it takes no keyword


def tell(line: str) -> None:
    """Say one line to whoever started this command; never waits, and never fails."""
    if is_replaced():
        sys.stderr.write(f"{line}\n")
    else:
        stream().write(f"{_AS_ERROR}{line}" if is_journal() else line)


@cache
def stream() -> LineStream:
    """Return the stream of this process; what waits in it at the end has a second to go out."""
    made = LineStream(STANDARD_ERROR, _tell_dropped)
    atexit.register(made.flush, _AT_THE_END)
    return made


def is_journal() -> bool:
    """Whether standard error goes to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(STANDARD_ERROR)
    except OSError:
        return False
    return (device, inode) == (f"{status.st_dev}", f"{status.st_ino}")


def is_service() -> bool:
    """Whether systemd has started this very process, and no other in between."""
    return os.environ.get("SYSTEMD_EXEC_PID") == f"{os.getpid()}"


def is_replaced() -> bool:
    """Whether somebody in this process, such as a test, catches what goes to standard error."""
    return sys.stderr is not sys.__stderr__


def _tell_dropped(lines: int) -> None:
    import structlog  # noqa: PLC0415 - commands that only ask do without it, and drop nothing

    whatever_level = structlog.make_filtering_bound_logger(0)
    log = structlog.wrap_logger(None, wrapper_class=whatever_level)
    log.warning("log.dropped", lines=lines)
