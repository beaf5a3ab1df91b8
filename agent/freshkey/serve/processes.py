"""What runs at the other end of a connection: for the record, and for people."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from freshkey.serve.peers import peer_of

if TYPE_CHECKING:
    from freshkey.serve.peers import Credentials

_SO_PEERPIDFD: Final = 77  # socket(7), since Linux 6.5; not in Python's module yet
_SLICE: Final = "system.slice"
_LONGEST: Final = 64 * 1024  # bytes of a cgroup file


class Peer(NamedTuple):
    """A client: what the kernel knew when it connected, and what its process runs.

    `executable` is a path, `unit` a unit of the system manager; None where it can't be told.
    """

    pid: int
    uid: int
    gid: int
    executable: str | None = None
    unit: str | None = None


def look_at(connection: socket.socket) -> Peer:
    """Describe the process that connected; what a process says of itself proves nothing."""
    credentials = peer_of(connection)
    if credentials.pid == 0:  # of a pid namespace that can't be seen from here
        return Peer(*credentials)
    found = Peer(*credentials, _executable(credentials), _unit(credentials))
    # A process that has ended may have left its number to another one.
    return Peer(*credentials) if _has_ended(connection) else found


def unit_of(cgroups: str) -> str | None:
    """Find the unit directly below system.slice in /proc/PID/cgroup (cgroups(7))."""
    for line in cgroups.splitlines():
        _number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers in {"", "name=systemd"}:
            match path.split("/"):
                case ["", parent, unit, *_] if parent == _SLICE and not unit.endswith(".slice"):
                    return unit
    return None


def _executable(credentials: Credentials) -> str | None:
    with suppress(OSError):  # it is another user's, or gone
        return str(Path(f"/proc/{credentials.pid}/exe").readlink())
    return None


def _unit(credentials: Credentials) -> str | None:
    with suppress(OSError), Path(f"/proc/{credentials.pid}/cgroup").open("rb") as file:
        return unit_of(file.read(_LONGEST).decode(errors="replace"))
    return None


def _has_ended(connection: socket.socket) -> bool:
    """Whether the peer's process has ended: its descriptor can be read then (pidfd_open(2))."""
    try:
        pidfd = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        return error.errno != errno.ENOPROTOOPT  # an older kernel can't tell
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(pidfd)
