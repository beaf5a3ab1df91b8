"""Keeps the socket's file in its place: a cleaner of /run or a mount takes it, and nobody can ask.

By looking: one call to the kernel every two seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from freshkey.sockets.endpoint import Listening

LOOK_EVERY: Final = 2.0  # seconds

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


async def keep_in_place(listener: Listening, accept_rest: Callable[[socket.socket], None]) -> None:
    """Look for ever; `accept_rest` takes a socket that lost its file, with who waits in it.

    What can't be mended is told once, until it is mended or another fault.
    """
    told: str | None = None
    path = one_line(str(listener.path))
    while True:
        await trio.sleep(LOOK_EVERY)
        change = listener.change()
        if change is None and told is None:
            continue
        try:
            left = None if change is None else listener.restore()
        except (FaultError, OSError) as error:
            message = error.fault.message if isinstance(error, FaultError) else str(error.strerror)
            if message != told:
                told = message
                log.warning("server.socket_lost", path=path, change=change, message=told)
            continue
        told = None
        log.warning("server.socket_restored", path=path, change=change)
        if left is not None:
            accept_rest(left)
