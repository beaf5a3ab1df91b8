"""Many connections at once that act in turn.

As root they come from three users, each with nearly all the connections that one may have: four
could take all that there are, and a fifth would be told so (503 `busy`).
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Act: TypeAlias = Callable[[socket.socket, int], None]

USERS: Final = (20001, 20002, 20003)
CROWD: Final = 360 if os.getuid() == 0 else 120  # connections at once


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
