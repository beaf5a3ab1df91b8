"""Attacks with what the API offers: long waits, and reports of refused keys."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.attacks.crowd import crowd, receive
from bench.attacks.requests import POST

if TYPE_CHECKING:
    import socket
    from pathlib import Path


def waiters(path: Path, seconds: float) -> None:
    """Wait for the next key, all together, as soon as there is one."""

    def act(sock: socket.socket, turn: int) -> None:
        found = re.search(rb"ETag: (.*)\r\n", receive(sock)) if turn else None
        held = b"If-None-Match: " + found[1] if found else b"X: none"
        request = b"GET /v1/keys/billing?wait=5m HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"
        sock.send(request % held)

    crowd(path, seconds, act, pause=0.005)


def fickle_waiters(path: Path, seconds: float) -> None:
    """Ask for the next key, and hang up."""
    wanted = b"If-None-Match: *\r\n\r\n"
    request = b"GET /v1/keys/billing?wait=5m HTTP/1.1\r\nHost: localhost\r\n" + wanted

    def act(sock: socket.socket, turn: int) -> None:
        if turn:
            raise ConnectionAbortedError
        sock.send(request)

    crowd(path, seconds, act, pause=0.005)


def false_reports(path: Path, seconds: float) -> None:
    """Report keys as refused, as fast as the server takes it."""
    body = b'{"tag": "1-00000000"}'
    request = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def act(sock: socket.socket, _turn: int) -> None:
        with suppress(BlockingIOError):
            sock.send(request * 20)
        receive(sock)

    crowd(path, seconds, act)
