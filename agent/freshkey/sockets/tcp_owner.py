"""Whose process is at the other end of a TCP connection of this machine.

The kernel tells of each socket of this network namespace who owns it: sock_diag(7), or, where a
sandbox forbids to ask, proc(5), /proc/net/tcp.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.sockets.inet_diag import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from freshkey.sockets.inet_diag import Owner

    Ask: TypeAlias = Callable[[int, tuple[str, int], tuple[str, int]], Owner | None]

_ESTABLISHED: Final = 1
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"  # an IPv4 address in a socket of IPv6, RFC 4291, 2.5.5.2
_UID, _INODE = 7, 9  # columns


def tcp_owner(
    connection: socket.socket, directory: Path = Path("/proc/self/net"), ask: Ask = owner
) -> int | None:
    """Return the user of the process at the other end; None: it can't be seen.

    It can't for a socket of another network namespace, and once it is closed: the kernel then
    names root, in a state that is not `established`.
    """
    try:
        client, server = connection.getpeername()[:2], connection.getsockname()[:2]
    except OSError:  # it is gone
        return None
    try:
        found = ask(connection.family, client, server)
    except OSError:
        return _of_table(directory, connection.family, client, server)
    return found.uid if found and found.state == _ESTABLISHED and found.inode else None


def _of_table(
    directory: Path, family: int, client: tuple[str, int], server: tuple[str, int]
) -> int | None:
    table = b"".join(_read(directory / name) for name in ("tcp", "tcp6"))
    for pair in _written_pairs(family, client, server):
        place = table.find(pair + b"%02X " % _ESTABLISHED)
        if place >= 0:
            start = table.rfind(b"\n", 0, place) + 1
            columns = table[start : table.find(b"\n", place)].split()
            return int(columns[_UID]) if int(columns[_INODE]) else None
    return None


def _written_pairs(
    family: int, client: tuple[str, int], server: tuple[str, int]
) -> Iterator[bytes]:
    """List how the table may name a connection: a client of IPv4 may use a socket of IPv6."""
    prefixes = (b"",) if family == socket.AF_INET6 else (b"", _MAPPED)
    for prefix in prefixes:
        ends = (
            _written(prefix + socket.inet_pton(family, host), port)
            for host, port in (client, server)
        )
        yield f" {' '.join(ends)} ".encode()


def _written(address: bytes, port: int) -> str:
    """Write an address as the kernel does: in words of the machine's byte order."""
    words = struct.unpack(f"={len(address) // 4}I", address)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # no IPv6 here
        return b""
