"""Whose process is at the other end of a TCP connection of this machine.

The kernel tells of each socket of this network namespace who owns it: sock_diag(7), or, where a
sandbox forbids to ask, proc(5), /proc/net/tcp.
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from freshkey.sockets.inet_diag import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from freshkey.sockets.inet_diag import Owner

    Ask: TypeAlias = Callable[[int, tuple[str, int], tuple[str, int]], Owner | None]

_ESTABLISHED: Final = 1
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"  # an IPv4 address in a socket of IPv6, RFC 4291, 2.5.5.2
_UID, _INODE = 7, 9  # columns


@final
class TcpOwners:
    """Looks owners up. The table is read once for all connections that came before that."""

    def __init__(self, directory: Path = Path("/proc/self/net"), ask: Ask = owner) -> None:
        self._directory = directory
        self._ask = ask
        self._table = b""
        self._read_at = float("-inf")

    def uid(self, connection: socket.socket, accepted_at: float) -> int | None:
        """Return the user of the process that connected; None: it can't be seen.

        It can't for a socket of another network namespace, and once it is closed: the kernel then
        names root, in a state that is not `established`. `accepted_at` is monotonic, in seconds.
        """
        try:
            client, server = connection.getpeername(), connection.getsockname()
        except OSError:  # it is gone
            return None
        try:
            found = self._ask(connection.family, client[:2], server[:2])
        except OSError:
            return self._uid_of_table(connection.family, client[:2], server[:2], accepted_at)
        return found.uid if found and found.state == _ESTABLISHED and found.inode else None

    def _uid_of_table(
        self, family: int, client: tuple[str, int], server: tuple[str, int], accepted_at: float
    ) -> int | None:
        if accepted_at >= self._read_at:
            self._read_at = time.monotonic()
            self._table = b"".join(_read(self._directory / name) for name in ("tcp", "tcp6"))
        for pair in _written_pairs(family, client, server):
            place = self._table.find(pair + b"%02X " % _ESTABLISHED)
            if place >= 0:
                start = self._table.rfind(b"\n", 0, place) + 1
                columns = self._table[start : self._table.find(b"\n", place)].split()
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
