"""A proxy's answer to CONNECT: its status, or a fault, as a strict reader understands it.

The first byte of an input is the size of the pieces in which the rest comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import h11
from freshkey.core.model.secret import Secret
from freshkey.host.proxies import Proxy, ProxyError
from freshkey.http1.answers import BadAnswerError
from freshkey.http1.tunnels import read_status

from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.target import Target

if TYPE_CHECKING:
    import socket

PROXY = Proxy("proxy.example", 3128, "HTTPS_PROXY", Secret(f"team:{CANARY}"))
TIMEOUT = 10.0  # seconds
VERSIONS = (b"1.0", b"1.1")
STATUSES = range(100, 600)


class Connected:
    """A connection that brings an answer in pieces, and ends."""

    def __init__(self, content: bytes, size: int) -> None:
        self.timeout: float | None = TIMEOUT
        self._left, self._size = content, size

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, seconds: float | None) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        assert data.startswith(b"CONNECT vault.example:8200 HTTP/1.1\r\n")

    def recv(self, most: int) -> bytes:
        size = min(most, self._size)
        part, self._left = self._left[:size], self._left[size:]
        return part


def check(data: bytes) -> None:
    size, answer = (data[0] or 256, data[1:]) if data else (1, b"")
    status = status_of(answer, size)
    assert status == status_of(answer, len(data)), "it depends on the pieces"
    understood = understood_by_h11(answer)
    assert understood in {None, status}
    assert is_open(answer, size) == (status is not None and status // 100 == 2)


def status_of(answer: bytes, size: int) -> int | None:
    """Read it as the agent does; None for a fault."""
    connected = Connected(answer, size)
    try:
        status = read_status(cast("socket.socket", connected))
    except BadAnswerError as error:
        hidden_in([str(error)], CANARY)
        return None
    finally:
        assert connected.timeout == TIMEOUT
    assert status in STATUSES
    return status


def is_open(answer: bytes, size: int) -> bool:
    """Ask for a tunnel, and say whether there is one."""
    try:
        PROXY.open_tunnel(cast("socket.socket", Connected(answer, size)), "vault.example", 8200)
    except ProxyError as error:
        hidden_in([str(error)], CANARY)
        return False
    return True


def understood_by_h11(answer: bytes) -> int | None:
    """Return the status that h11 reads; None if it refuses the answer, or we have to."""
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="CONNECT", target="vault.example:8200", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(answer)
    try:
        while isinstance(event := reader.next_event(), h11.InformationalResponse):
            if event.http_version not in VERSIONS:
                return None
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Response) or event.http_version not in VERSIONS:
        return None
    return event.status_code if event.status_code in STATUSES else None


OK = b"HTTP/1.1 200 Connection established\r\n"
SECRET = CANARY.encode()
TARGET = Target(
    check,
    (
        b"\0" + OK + b"\r\n",
        b"\1" + OK + b"Proxy-Agent: x\r\nContent-Length: 5\r\n\r\n",
        b"\7HTTP/1.0 200 OK\n\n\x16\x03\x03",
        b"\0HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"\r\n",
        b"\2HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic\r\nX: " + SECRET + b"\r\n\r\n",
        b"\0HTTP/1.1 502 " + SECRET + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"\0HTTP/1.1 204\r\n\r\n",
        b"\0" + OK,
        b"\0SSH-2.0-OpenSSH_9.2\r\n",
    ),
    (
        *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\0", b"\xff", b" ", b":"),
        *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"HTTP/1.1 299 X\r\n"),
        *(b"HTTP/1.1 099 ", b"HTTP/1.1 600 ", b"HTTP/1.1 2000", b"HTTP/2 200 ", b"HTTP/1.2 200 "),
        *(b"HTTP/1.1 300\r\n", b"HTTP/1.1 199 X\r\n\r\n" * 20, b"Transfer-Encoding: chunked\r\n"),
        *(b"Content-Length: -1\r\n", b"Content-Length: 0\r\n", b"X: y\r\n" * 200, SECRET, OK),
    ),
)
