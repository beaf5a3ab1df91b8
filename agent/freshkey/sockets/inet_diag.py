"""Asks the kernel for the owner of one TCP socket of this network namespace: sock_diag(7).

Reading /proc/net/tcp takes a millisecond for each thousand sockets of the machine; this takes a
hundredth of one, however many there are.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Final, NamedTuple

_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG, linux/netlink.h
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY, linux/sock_diag.h
_ERROR: Final = 2  # NLMSG_ERROR
_REQUEST: Final = 1  # NLM_F_REQUEST
_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr
_ASKED: Final = struct.Struct("=BBBxI")  # inet_diag_req_v2, as far as the socket's id
_ID: Final = struct.Struct("!HH16s16sIII")  # inet_diag_sockid
_TOLD: Final = struct.Struct("=BBBB48sIIIII")  # inet_diag_msg
_ANY: Final = 0xFFFFFFFF  # every state, and INET_DIAG_NOCOOKIE
_PATIENCE: Final = 1.0  # seconds; the kernel answers at once
_MOST: Final = 8192  # bytes of an answer


class Owner(NamedTuple):
    """Of a socket: its state (1 is established), the user, and its inode; 0 once it is closed."""

    state: int
    uid: int
    inode: int


def owner(family: int, local: tuple[str, int], remote: tuple[str, int]) -> Owner | None:
    """Return who has the socket with these addresses; None: there is none.

    Raises OSError where the kernel can't be asked: in a sandbox without AF_NETLINK, for example.
    """
    source, target = (
        socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (local, remote)
    )
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 0, _ANY)
    asked += _ID.pack(local[1], remote[1], source, target, 0, _ANY, _ANY)
    header = _HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as netlink:
        netlink.settimeout(_PATIENCE)
        netlink.sendto(header + asked, (0, 0))
        answer = netlink.recv(_MOST)
    _, kind, _, _, _ = _HEADER.unpack_from(answer)
    if kind == _ERROR:
        _raise_unless_unknown(answer)
        return None
    _, state, _, _, _, _, _, _, uid, inode = _TOLD.unpack_from(answer, _HEADER.size)
    return Owner(state, uid, inode)


def _raise_unless_unknown(answer: bytes) -> None:
    """Raise for an error, unless it says that there is no such socket (ENOENT)."""
    (number,) = struct.unpack_from("=i", answer, _HEADER.size)
    if -number != errno.ENOENT:
        raise OSError(-number, "sock_diag")
