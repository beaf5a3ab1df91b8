"""Connections that wait for longer than the server that accepted them."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, final

import trio

if TYPE_CHECKING:
    import socket


@final
class LeftConnections:
    """What servers that end leave to the next one on the same listener, until `close`."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel["socket.socket"](inf)
        self._is_followed = True

    def leave(self, sock: socket.socket) -> bool:
        """Have the next server go on with a connection; False if there is none to come.

        What was passed may be closed: it is another descriptor that is left.
        """
        if self._is_followed:
            self._send.send_nowait(sock.dup())
        return self._is_followed

    async def next(self) -> socket.socket:
        """Return a connection that was left, once there is one."""
        return await self._receive.receive()

    def expect_no_server(self) -> None:
        """Take no more: the agent ends."""
        self._is_followed = False

    def close(self) -> None:
        """Close what no server has gone on with."""
        self.expect_no_server()
        with suppress(trio.WouldBlock):
            while True:
                self._receive.receive_nowait().close()
