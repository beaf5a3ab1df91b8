"""What `freshkey.client` is told at the agent's socket by something that is no agent.

An application sees a key that a header can carry, or one of the documented errors, in its time. An
input is an answer after an `r`, else a body, whose status the first byte chooses.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self
from unittest import mock

from freshkey.client.errors import NoKeyError
from freshkey.client.socket_source import SocketSource

from tests.fuzz.canary import CANARY
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from freshkey.client.steps import Steps, Wait

MOST_WAITS = 2000
STATUSES = (200, 503, 403, 409, 304)
SECRET = CANARY.encode()


class Connected:
    """A connection on which all has come that will."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def settimeout(self, _seconds: float) -> None:
        """Do nothing: it never blocks."""

    def connect(self, _path: str) -> None:
        """Do nothing: it is."""

    def send(self, data: bytes) -> int:
        assert data.endswith(b"\r\n\r\n") or b"Content-Length" in data
        return len(data)

    def recv(self, size: int) -> bytes:
        part, self._left = self._left[:size], self._left[size:]
        return part


def check(data: bytes) -> None:
    raw, data = data[:1] == b"r", data[1:] if data[:1] == b"r" else data
    if not raw and data:
        data = _answer(STATUSES[data[0] % len(STATUSES)], data[1:])
    source = SocketSource("billing", "/run/freshkey.sock", wait=0.5)
    now = [time.monotonic()]
    with (
        mock.patch.object(socket, "socket", side_effect=lambda _family: Connected(data)),
        mock.patch.object(time, "monotonic", side_effect=lambda: now[0]),
    ):
        first, second = came_to(source.read(), now), came_to(source.read(), now)
        given = {first, second} - {None}
        if first is not None:
            given.add(came_to(source.replacement(first, 0.3), now))
            came_to(source.report(first), now)
    for key in given - {None}:
        assert key
        assert key.isascii()
        assert key.isprintable()
        assert " " not in key
    assert CANARY not in repr(source)


def came_to(steps: Steps[str] | Steps[str | None] | Steps[bool], now: list[float]) -> str | None:
    """Take the steps, with no time spent waiting; return the key that they came to."""
    waits: list[Wait] = []
    try:
        while len(waits) < MOST_WAITS:
            waits.append(next(steps))
            now[0] += waits[-1].seconds
    except StopIteration as end:
        return end.value if isinstance(end.value, str) else None
    except NoKeyError as error:
        said = str(error)
    else:
        raise AssertionError("it waits for ever")
    assert CANARY not in said
    assert "\n" not in said
    return None


def _answer(status: int, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
    return head % (status, len(body), more) + body


GIVEN = b'{"name": "billing", "key": "%b", "tag": "7-0", "expires_in": 60}'
TARGET = Target(
    check,
    (
        b"\0" + GIVEN % SECRET,
        b"\0" + GIVEN % b"a b",
        b'\1{"code": "no_key", "detail": "nothing is published"}',
        b'\2{"code": "peer_not_allowed", "detail": "not for you"}',
        b"\3{}",
        b"\4",
        b"r" + _answer(200, GIVEN % SECRET),
        b"r" + _answer(503, b"", b"Connection: close\r\n"),
    ),
    (
        *(b"\r\n", b"\n", b"\0", b"\xff", b":", b"Content-Length: "),
        *(b"Content-Length: " + b"9" * 5000, b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0"),
        *(b"HTTP/1.1 \xb2\xb2\xb2", b"-1", b"1e999", b"NaN", b'"expires_in": ' + b"9" * 400),
        *(b'"expires_in": "x"', b'"expires_in": null', b'"key": ""', b'"tag": 1'),
        *(b'"key": "a b"', b"\\ud800", b"\\u0000", b"[" * 2000, b'"detail": "a\\nb"'),
        b"x" * 70_000,
    ),
    size=72_000,
)
