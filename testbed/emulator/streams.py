"""Answers that come piece by piece, at the pace that the settings ask for."""

from collections.abc import AsyncIterator, Callable, Iterable
from math import inf
from typing import TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from testbed.emulator.endpoints import DataPlaneEndpoint
from testbed.emulator.middleware import AbortConnection
from testbed.emulator.observer import exchange_of
from testbed.emulator.settings import lookup
from testbed.emulator.state import EmulatorState

T = TypeVar("T")
EVENT_STREAM = "text/event-stream"
NEVER = -1


class Streams:
    """Makes streamed answers."""

    def __init__(self, state: EmulatorState, abort_connection: AbortConnection) -> None:
        self._state = state
        self._abort_connection = abort_connection

    def answer(
        self,
        request: Request,
        endpoint: DataPlaneEndpoint,
        pieces: Iterable[str | bytes],
        media_type: str = EVENT_STREAM,
    ) -> Response:
        """Return the answer that streams these pieces."""

        def abort() -> None:
            exchange_of(request.scope).aborted = True
            self._abort_connection(request.scope["client"])

        return StreamingResponse(self.pace(endpoint, pieces, abort), media_type=media_type)

    async def pace(
        self, endpoint: DataPlaneEndpoint, pieces: Iterable[T], abort: Callable[[], None]
    ) -> AsyncIterator[T]:
        """Yield the pieces when they are due; `abort` closes the connection.

        A hold ends when the settings change; the other settings are those of the beginning.
        """
        settings = self._state.settings
        interval = lookup(settings.stream_interval, endpoint, 0)
        last = lookup(settings.stream_break, endpoint, NEVER)
        for number, piece in enumerate(pieces):
            if number == 1:
                await anyio.sleep(lookup(settings.stream_pause, endpoint, 0))
            await anyio.sleep(interval if number else 0)
            while number >= lookup(self._state.settings.stream_hold, endpoint, inf):
                await self._state.settings_changed.wait()
            if number == last:
                abort()
                await anyio.sleep_forever()
            yield piece
