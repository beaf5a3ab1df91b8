"""What program a peer runs, and in which unit: seen through /proc when it connects."""

from __future__ import annotations

import errno
import os
import select
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.sockets.peers import groups_of

if TYPE_CHECKING:
    from freshkey.sockets.peers import Peer

_SO_PEERPIDFD: Final = 77  # asm-generic/socket.h; Linux 6.5
_MAX_CGROUP: Final = 64 * 1024  # bytes that are read of a list of cgroups
_UNITS: Final = (".service", ".scope")


def with_provenance(peer: Peer, connection: socket.socket, proc: Path = Path("/proc")) -> Peer:
    """Add executable, unit, and groups, where they can be seen.

    A process that has ended may have left its pid to another: SO_PEERPIDFD tells, where the
    kernel has it.
    """
    peer = peer._replace(groups=groups_of(connection))
    if not peer.pid:
        return peer  # in a pid namespace that can't be seen from here
    try:
        pidfd = _pidfd(connection)
    except OSError:
        return peer  # gone already
    try:
        executable, program = _executable(proc / str(peer.pid))
        unit = _unit(proc / str(peer.pid))
        if pidfd is not None and _ended(pidfd):
            return peer
    finally:
        if pidfd is not None:
            os.close(pidfd)
    return peer._replace(executable=executable, unit=unit, program=program)


def _pidfd(connection: socket.socket) -> int | None:
    try:
        return connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except OSError as error:
        if error.errno == errno.ENOPROTOOPT:  # an older kernel
            return None
        raise


def _ended(pidfd: int) -> bool:
    """Say whether the process has ended: its descriptor is readable then (pidfd_open(2))."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _executable(directory: Path) -> tuple[str | None, tuple[int, int] | None]:
    """Return a name, which is whatever its maker wanted, and what it really is."""
    link = directory / "exe"
    try:
        # A name goes into logs.
        name = os.fsencode(link.readlink()).decode(errors="backslashreplace")
    except OSError:
        return None, None
    try:
        found = link.stat()
    except OSError:
        return name, None
    return name, (found.st_dev, found.st_ino)


def _unit(directory: Path) -> str | None:
    try:
        with (directory / "cgroup").open("rb") as file:
            lines = file.read(_MAX_CGROUP).decode(errors="backslashreplace").split("\n")
    except OSError:
        return None
    return unit_of(lines)


def unit_of(lines: list[str]) -> str | None:
    """Find the system unit directly under system.slice in a list of cgroups (cgroups(7)).

    It is in the line of the unified hierarchy or, where that is not in use, in systemd's own.
    """
    paths = dict(line.split(":", 2)[1:] for line in lines if line.count(":") > 1)
    unified = paths.get("", "/")
    path = paths.get("name=systemd", "/") if unified == "/" else unified
    match path.split("/"):
        case ["", "system.slice", unit, *_] if unit.endswith(_UNITS):
            return unit
        case _:
            return None
