"""A listening socket of TCP: it has no file that could be lost."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, final

from freshkey.core.model.faults import Fault, FaultError, FaultKind

if TYPE_CHECKING:
    from freshkey.settings.urls import HostPort

_BACKLOG = 128


@final
class TcpListener:
    """A listening TCP socket; `path` is what messages call it.

    Raises FaultError (`output`) when the address can't be had.
    """

    def __init__(self, address: HostPort, path: str) -> None:
        self.address = address
        self.path = path
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(address)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            message = f"{self.path}: {error.strerror}: name an address of this machine that is free"
            raise FaultError(Fault(FaultKind.OUTPUT, message)) from None

    def change(self) -> None:
        """Say that nobody has changed it: it has no file."""

    def restore(self) -> None:
        """Do nothing: there is nothing to make anew."""

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
