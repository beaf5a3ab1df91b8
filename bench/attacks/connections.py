"""Attacks with connections: thousands that stay, and clients that die."""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bench.attacks.crowd import connect
from bench.attacks.requests import GET

if TYPE_CHECKING:
    import socket
    from pathlib import Path

HORDE: Final = 10_000


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
