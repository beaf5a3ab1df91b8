"""Connections that wait for longer than the server that accepted them."""

from __future__ import annotations

import socket
from typing import final

import trio


@final
class Handover:
    """What a server that ends hands to the next one on the same listener, if one follows."""

    def __init__(self) -> None:
        self._waiting: list[socket.socket] = []
        self._arrived = trio.Event()
        self._is_followed = True

    def hand_over(self, sock: socket.socket) -> bool:
        """Hand a connection to the next server; `sock` can't be used any more then.

        False, and nothing is done, if no server follows.
        """
        if self._is_followed:
            self._waiting.append(socket.socket(fileno=sock.detach()))
            self._arrived.set()
        return self._is_followed

    async def wait(self) -> None:
        """Return once there is one."""
        await self._arrived.wait()

    def take_all(self) -> list[socket.socket]:
        """Return those that were handed over, and forget them."""
        taken, self._waiting, self._arrived = self._waiting, [], trio.Event()
        return taken

    def expect_no_server(self) -> None:
        """Take nothing more: no server follows."""
        self._is_followed = False

    def close(self) -> None:
        """Close what no server has gone on with."""
        self.expect_no_server()
        for sock in self.take_all():
            sock.close()
