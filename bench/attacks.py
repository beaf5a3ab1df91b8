"""Clients that no server should meet: each attack runs in a process, and ends by itself.

As root an attack comes from three users, each with nearly all the connections that one may have:
four could take all that there are, and a fifth would be told so (503 `busy`).
"""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Act: TypeAlias = Callable[[socket.socket, int], None]
    Attack: TypeAlias = Callable[[Path, float], None]

GET: Final = b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST: Final = b"POST /v1/keys/billing/rejected HTTP/1.1\r\nHost: localhost\r\n"
TLS: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
HTTP2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50)
USERS: Final = (20001, 20002, 20003)
CROWD: Final = 360 if os.getuid() == 0 else 120  # connections at once
HORDE: Final = 10_000


def crowd(path: Path, seconds: float, act: Act, *, size: int = CROWD, pause: float = 0.0) -> None:
    """Keep `size` connections; let each act in turn, and replace those that have ended.

    `act` gets a connection and the number of its turn; it raises OSError to end it.
    """
    ends = time.monotonic() + seconds
    fair_queue: dict[socket.socket, int] = {}
    while time.monotonic() < ends:
        while len(fair_queue) < size and (sock := connect(path)):
            fair_queue[sock] = 0
        for sock in list(fair_queue):
            try:
                act(sock, fair_queue[sock])
            except BlockingIOError:
                pass
            except OSError:
                sock.close()
                del fair_queue[sock]
                continue
            fair_queue[sock] += 1
        time.sleep(pause)
    for sock in fair_queue:
        sock.close()


def connect(path: Path) -> socket.socket | None:
    """Connect without waiting; None when the server's queue, or our table of files, is full."""
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    if os.getuid() == 0:  # the kernel tells the server the effective user at this moment
        os.seteuid(USERS[sock.fileno() % len(USERS)])
    try:
        sock.connect(str(path))
    except BlockingIOError:
        sock.close()
        return None
    finally:
        os.seteuid(os.getuid())
    return sock


def receive(sock: socket.socket) -> bytes:
    """Take what has arrived; raise at the end of the stream."""
    data = sock.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


def quiet(_path: Path, _seconds: float) -> None:
    """Do nothing, to compare with."""


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


def horde(path: Path, seconds: float) -> None:
    """Open 10,000 connections and keep them, again and again."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HORDE + 100
    with suppress(ValueError, OSError):  # not root: as many as may be
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        socks: list[socket.socket] = []
        while len(socks) < HORDE and time.monotonic() < ends:
            if sock := connect(path):
                socks.append(sock)
            else:
                time.sleep(0.0005)
        for sock in socks:
            sock.close()


def killed(path: Path, seconds: float) -> None:
    """Be killed in the middle of a request, with answers unread."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        child = os.fork()
        if not child:
            if sock := connect(path):
                sock.send(GET * 20 + GET[:-5])
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)


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


ATTACKS: Final[tuple[Attack, ...]] = (
    quiet,
    slow_headers,
    half_requests,
    pipelines,
    pipelines_unread,
    smallest_requests,
    lying_lengths,
    other_protocols,
    largest_requests,
    horde,
    killed,
    waiters,
    fickle_waiters,
    false_reports,
)
