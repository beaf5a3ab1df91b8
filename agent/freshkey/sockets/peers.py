"""Who is at the other end of a connection, and how many connections each user may have."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, final

_UCRED: Final = struct.Struct("iII")  # pid_t, uid_t, gid_t
_GID: Final = struct.Struct("I")  # gid_t
_SO_PEERGROUPS: Final = 59  # asm-generic/socket.h
_MAX_GROUPS: Final = 65536  # NGROUPS_MAX, setgroups(2)
_OVERFLOW: Final = 65534  # the kernel's default


class Peer(NamedTuple):
    """A client, as the kernel knew it when it connected.

    What follows `gid` is found out by `provenance`; None: it can't be seen.
    """

    pid: int
    uid: int
    gid: int
    executable: str | None = None
    unit: str | None = None
    program: tuple[int, int] | None = None  # device and inode of the executable
    groups: tuple[int, ...] = ()  # the supplementary ones
    credential: str | None = None  # what systemd wants the key for


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected (SO_PEERCRED, unix(7)).

    The pid is 0 for a peer in a pid namespace that can't be seen from here.
    """
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return Peer(*_UCRED.unpack(raw))


def groups_of(connection: socket.socket) -> tuple[int, ...]:
    """Ask the kernel for the supplementary groups of who connected (SO_PEERGROUPS; Linux 4.13)."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAX_GROUPS * _GID.size)
    except OSError:
        return ()
    return tuple(gid for (gid,) in _GID.iter_unpack(raw))


@cache
def overflow_uid() -> int:
    """Return the uid that stands for users of other user namespaces (proc(5))."""
    return _overflow("uid")


@cache
def overflow_gid() -> int:
    """Return the gid that stands for groups of other user namespaces (proc(5))."""
    return _overflow("gid")


def _overflow(kind: str) -> int:
    try:
        return int(Path(f"/proc/sys/kernel/overflow{kind}").read_text())
    except OSError:
        return _OVERFLOW


@final
class Admission:
    """Counts open connections, altogether and by user."""

    def __init__(self, total: int = 0, per_uid: int = 0) -> None:
        self._total = total
        self._per_uid = per_uid
        self._open: Counter[int] = Counter()

    def allow(self, total: int, per_uid: int) -> None:
        """Have other limits from here on; those who have a place keep it."""
        self._total, self._per_uid = total, per_uid

    def admit(self, peer: Peer) -> bool:
        """Take a place for one connection; False when there is none left for this peer."""
        if self._open.total() >= self._total or self._open[peer.uid] >= self._per_uid:
            return False
        self.keep(peer)
        return True

    def keep(self, peer: Peer) -> None:
        """Take a place for one that had its place before, whether there is one left or not."""
        self._open[peer.uid] += 1

    def release(self, peer: Peer) -> None:
        """Give the place back."""
        self._open[peer.uid] -= 1
        if not self._open[peer.uid]:
            del self._open[peer.uid]  # nobody's past visits cost memory
