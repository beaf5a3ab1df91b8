"""Answers as bytes, or framed around a body, for whoever asks over HTTP."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import httpcore
from freshkey.core.model.faults import FaultError

from tests.fuzz.canary import CANARY, hidden_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_TRUST: Final = ssl.create_default_context()

STATUSES: Final = (200, 204, 400, 401, 403, 404, 405, 412, 429, 307, 500, 502, 503)


def answer_of(data: bytes) -> bytes:
    """Take an input: after an `r` the bytes of an answer, else a status, by its index, and JSON."""
    if data[:1] == b"r":
        return data[1:]
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, max(0, len(data) - 1)) + data[1:]


async def outcome(ask: Callable[[], Awaitable[object]]) -> object:
    """Return what asking comes to, None for a fault; neither shows a secret."""
    try:
        found = await ask()
    except FaultError as error:
        hidden_in([error.fault.message])
        return None
    hidden_in([repr(found)], CANARY)
    return found


@contextmanager
def answering(answer: bytes) -> Iterator[None]:
    """Have whoever asks over httpx get this answer on each connection, whatever the address."""
    pool = httpcore.AsyncConnectionPool

    def make(**options: Any) -> httpcore.AsyncConnectionPool:  # noqa: ANN401 - httpx's
        return pool(**options, network_backend=httpcore.AsyncMockBackend([answer]))

    with (
        mock.patch("httpcore.AsyncConnectionPool", make),
        # The system's certificates take ten milliseconds to load, and nobody shows one here.
        mock.patch("ssl.create_default_context", return_value=_TRUST),
    ):
        yield
