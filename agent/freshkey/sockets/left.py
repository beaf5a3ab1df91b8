"""Connections that wait for longer than the server that accepted them."""

from __future__ import annotations

import socket
from typing import final

import trio


@final
class LeftConnections:
    """What a server that ends leaves to the next one on the same listener, if one follows."""

    def __init__(self) -> None:
        self._left: list[socket.socket] = []
        self._arrived = trio.Event()
        self._is_followed = True

    def leave(self, sock: socket.socket) -> bool:
        """Have the next server go on with a connection, which `sock` then is no more.

        False, and nothing is done, if no server follows.
        """
        if self._is_followed:
            self._left.append(socket.socket(fileno=sock.detach()))
            self._arrived.set()
        return self._is_followed

    async def wait(self) -> None:
        """Return once there is one."""
        await self._arrived.wait()

    def take_all(self) -> list[socket.socket]:
        """Return those that are left, and leave them no more."""
        taken, self._left, self._arrived = self._left, [], trio.Event()
        return taken

    def expect_no_server(self) -> None:
        """Take nothing more: no server follows."""
        self._is_followed = False

    def close(self) -> None:
        """Close what no server has gone on with."""
        self.expect_no_server()
        for sock in self.take_all():
            sock.close()
