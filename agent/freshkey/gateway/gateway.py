"""The local OpenAI endpoint: its connections, over all configurations."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from freshkey.gateway.body import Requests
from freshkey.gateway.exchange import Exchange
from freshkey.gateway.hang_ups import HangUps
from freshkey.gateway.refusals import RefusedError, bad_request
from freshkey.gateway.requests import Head, RequestParser
from freshkey.gateway.streams import BrokenError, ByteStream
from freshkey.sockets.tcp_owner import TcpOwners

if TYPE_CHECKING:
    from freshkey.gateway.configuration import Configuration
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.resources import ServerResources

_IDLE: Final = 75.0  # seconds between two requests; clients close theirs before
_PATIENCE: Final = 10.0  # seconds for the headers of a request
_NOBODY: Final = -1  # a uid that no rule can name

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Gateway:
    """Serves clients with the `configuration` that is current when a request comes."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.hang_ups = HangUps()
        self._under_way = 0
        self._owners = TcpOwners()

    async def attend(self, sock: socket.socket, peer: Peer, resources: ServerResources) -> None:
        """Serve one connection; whoever calls this closes the socket."""
        del resources  # a request is waited for, and an answer taken, as long as OpenAI's are
        accepted_at = time.monotonic()
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            uid = self._owners.uid(sock, accepted_at)
            peer = peer._replace(uid=_NOBODY if uid is None else uid, gid=_NOBODY)
        stream, parser = ByteStream(sock), RequestParser()
        requests = Requests(stream, parser)
        try:
            while head := await self._next(requests, stream):
                if not await self._serve(head, requests, stream, peer):
                    break
        except BrokenError:
            pass  # the client is gone
        finally:
            parser.close()

    async def _next(self, requests: Requests, stream: ByteStream) -> Head | None:
        """Wait for a request; None when the connection is to be closed."""
        refusal = bad_request(f"no whole request in {_PATIENCE:g} s")
        with trio.CancelScope(deadline=trio.current_time() + _IDLE) as scope:
            await requests.begin()
            scope.deadline = trio.current_time() + _PATIENCE
            try:
                part = await requests.next()
            except RefusedError as error:
                refusal = error.refusal
            else:
                return part if isinstance(part, Head) else None
        if requests.has_begun:
            await stream.send(refusal.encode(keep_alive=False))
        return None

    async def _serve(self, head: Head, requests: Requests, stream: ByteStream, peer: Peer) -> bool:
        configuration = self.configuration
        has_room = self._under_way < configuration.max_requests
        exchange = Exchange(configuration, stream, requests, peer, head, has_room=has_room)
        can_go_on = False
        self._under_way += 1
        try:
            with self.hang_ups.cancelling(stream.socket):
                can_go_on = await exchange.run()
        finally:
            self._under_way -= 1
        return can_go_on
