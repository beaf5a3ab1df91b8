"""Attacks with requests: slow, endless, too many, too large, or none at all."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bench.attacks.crowd import crowd, receive

if TYPE_CHECKING:
    import socket
    from pathlib import Path

GET: Final = b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST: Final = b"POST /v1/keys/billing/rejected HTTP/1.1\r\nHost: localhost\r\n"
TLS: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
HTTP2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50)


def slow_headers(path: Path, seconds: float) -> None:
    """Send a request byte by byte, without end."""

    def act(sock: socket.socket, turn: int) -> None:
        sock.send(GET[turn : turn + 1] if turn < len(GET) - 2 else b"X")

    crowd(path, seconds, act, pause=0.01)


def half_requests(path: Path, seconds: float) -> None:
    """Send half a request and leave."""

    def act(sock: socket.socket, _turn: int) -> None:
        sock.send(GET[:-3])
        raise ConnectionAbortedError

    crowd(path, seconds, act)


def pipelines(path: Path, seconds: float) -> None:
    """Send hundreds of requests at once, and read the answers."""

    def act(sock: socket.socket, _turn: int) -> None:
        with suppress(BlockingIOError):
            sock.send(GET * 500)
        receive(sock)

    crowd(path, seconds, act)


def pipelines_unread(path: Path, seconds: float) -> None:
    """Send requests as long as the server takes them, and read nothing."""

    def act(sock: socket.socket, _turn: int) -> None:
        sock.send(GET * 500)

    crowd(path, seconds, act, pause=0.001)


def smallest_requests(path: Path, seconds: float) -> None:
    """Send the most requests that fit into the fewest bytes."""

    def act(sock: socket.socket, _turn: int) -> None:
        with suppress(BlockingIOError):
            sock.send(b"GET / HTTP/1.1\r\nHost:\r\n\r\n" * 1000)
        receive(sock)

    crowd(path, seconds, act)


def lying_lengths(path: Path, seconds: float) -> None:
    """Announce bodies that are longer, shorter, negative, two, or chunked as well."""
    lies: tuple[bytes, ...] = (
        b"4096",
        b"1",
        b"-1",
        b"4097",
        b"99999999999999999999",
        b"5\r\nContent-Length: 6",
    )
    lies = (*lies, b"5\r\nTransfer-Encoding: chunked")

    def act(sock: socket.socket, turn: int) -> None:
        if turn:
            receive(sock)
        else:
            lie = random.choice(lies)  # noqa: S311 - which one comes next is no secret
            sock.send(POST + b"Content-Length: " + lie + b'\r\n\r\n{"tag": "1-0"}')

    crowd(path, seconds, act)


def other_protocols(path: Path, seconds: float) -> None:
    """Speak TLS, HTTP/2, and noise."""

    def act(sock: socket.socket, turn: int) -> None:
        if turn:
            receive(sock)
        else:
            noise = random.randbytes(1000)  # noqa: S311 - noise, not a key
            sock.send(random.choice((TLS, HTTP2, noise)))  # noqa: S311 - as above

    crowd(path, seconds, act)


def largest_requests(path: Path, seconds: float) -> None:
    """Send as many headers as are let through, and bodies of nothing but brackets."""
    headers = b"".join(b"H%d: x\r\n" % number for number in range(1500))
    body = b"[" * 4096

    def act(sock: socket.socket, turn: int) -> None:
        if turn % 20 == 0:
            sock.send(POST + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        receive(sock)

    crowd(path, seconds, act)
