"""Connections that wait for longer than the server that accepted them."""

from __future__ import annotations

import socket
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


@final
class LeftConnections:
    """What a server that ends leaves to the next one on the same listener, if one follows."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel["socket.socket"](inf)
        self._is_followed = True

    def leave(self, sock: socket.socket) -> bool:
        """Have the next server go on with a connection, which `sock` then is no more.

        False, and nothing is done, if no server follows.
        """
        if self._is_followed:
            self._send.send_nowait(socket.socket(fileno=sock.detach()))
        return self._is_followed

    async def next(self) -> socket.socket:
        """Return a connection that was left, once there is one."""
        return await self._receive.receive()

    def rest(self) -> Iterator[socket.socket]:
        """Give those that are left now."""
        with suppress(trio.WouldBlock):
            while True:
                yield self._receive.receive_nowait()

    def expect_no_server(self) -> None:
        """Take nothing more: no server follows."""
        self._is_followed = False

    def close(self) -> None:
        """Close what no server has gone on with."""
        self.expect_no_server()
        for sock in self.rest():
            sock.close()
