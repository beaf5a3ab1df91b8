"""One answer of the agent, as it went over the wire: what other servers send as well."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

TARGET: Final = "/v1/keys/billing"
EXPECTED: Final = '"billing"'
"""What the body of a good answer holds."""
REQUEST: Final = f"GET {TARGET} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode()


@dataclass(frozen=True)
class Answer:
    """Headers in their order, and the body, which holds a key."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Take an answer of 200 apart; ValueError for any other."""
        head, found, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("ascii").split("\r\n")
        if not found or not status.startswith("HTTP/1.1 200 "):
            raise ValueError(f"no answer of 200: {status!r}")
        headers = (line.split(": ", 1) for line in lines)
        return cls(tuple((name, value) for name, value in headers), body)


def ask(path: Path) -> bytes | None:
    """Ask a socket for the key; return the whole answer, None when there is no good one."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
            sock.sendall(REQUEST)
            data = sock.recv(65536)
        except OSError:
            return None
    return data if data.startswith(b"HTTP/1.1 200 ") else None
