"""A listening socket of TCP: it has no file that could be lost."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, final

from freshkey.core.model.faults import Fault, FaultError, FaultKind

if TYPE_CHECKING:
    from freshkey.settings.urls import HostPort

_BACKLOG = 128


def bound(address: HostPort, path: str) -> socket.socket:
    """Make a socket that has an address, and does not listen yet; `path` is what messages call it.

    Raises FaultError (`output`) when the address can't be had; its cause is the OSError.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:  # no IPv6 here
        raise _fault(path, error) from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        raise _fault(path, error) from error
    return made


def _fault(path: str, error: OSError) -> FaultError:
    hint = (
        "name a port above 1023, or give the agent CAP_NET_BIND_SERVICE"
        if error.errno == errno.EACCES
        else "name an address of this machine that is free"
    )
    return FaultError(Fault(FaultKind.OUTPUT, f"{path}: {error.strerror}: {hint}"))


@final
class TcpListener:
    """A listening TCP socket; `path` is what messages call it.

    Raises FaultError (`output`) when the address can't be had.
    """

    def __init__(self, address: HostPort, path: str) -> None:
        self.address = address
        self.path = path
        self.socket = bound(address, path)
        try:
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            raise _fault(path, error) from None

    def change(self) -> None:
        """Say that nobody has changed it: it has no file."""

    def restore(self) -> None:
        """Do nothing: there is nothing to make anew."""

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
