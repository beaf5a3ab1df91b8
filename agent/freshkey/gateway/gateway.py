"""The local OpenAI endpoint: its connections, over all configurations."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, final

import trio

from freshkey.gateway.body import RequestReader
from freshkey.gateway.exchange import Exchange
from freshkey.gateway.hang_ups import HangUps
from freshkey.gateway.places import Places
from freshkey.gateway.refusals import RefusedError, bad_request
from freshkey.gateway.requests import Head, RequestParser
from freshkey.gateway.streams import BrokenError, ByteStream
from freshkey.sockets.peers import Peer, peer_of
from freshkey.sockets.tcp_owner import tcp_owner

if TYPE_CHECKING:
    from freshkey.gateway.configuration import Configuration
    from freshkey.sockets.resources import ServerResources

_IDLE: Final = 75.0  # seconds between two requests; clients close theirs before
_PATIENCE: Final = 10.0  # seconds for the headers of a request
_NOBODY: Final = -1  # a uid that no rule can name


@final
class Gateway:
    """Serves clients with the `configuration` that is current when a request comes."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.hang_ups = HangUps()
        self._places = Places()

    async def attend(self, sock: socket.socket, peer: Peer, resources: ServerResources) -> None:
        """Serve one connection; whoever calls this closes the socket."""
        # A request is waited for, and an answer taken, as long as OpenAI's are.
        resources.silent_since.pop(sock, None)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream, parser = ByteStream(sock), RequestParser()
        requests = RequestReader(stream, parser)
        try:
            while head := await self._next(requests, stream):
                if not await self._serve(head, requests, stream, peer):
                    break
        except BrokenError:
            pass  # the client is gone
        finally:
            parser.close()

    async def _next(self, requests: RequestReader, stream: ByteStream) -> Head | None:
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
            with trio.move_on_after(_PATIENCE):
                await stream.send(refusal.encode(keep_alive=False))
        return None

    async def _serve(
        self, head: Head, requests: RequestReader, stream: ByteStream, peer: Peer
    ) -> bool:
        exchange = Exchange(self.configuration, stream, requests, peer, head, places=self._places)
        can_go_on = False
        with self.hang_ups.cancelling(stream.socket):
            can_go_on = await exchange.run()
        return can_go_on  # noqa: RET504 - the client may hang up, which ends what is within


def identify(sock: socket.socket) -> Peer:
    """Find out who has connected: over TCP the user alone can be seen."""
    if sock.family == socket.AF_UNIX:
        return peer_of(sock)
    uid = tcp_owner(sock)
    return Peer(0, _NOBODY if uid is None else uid, _NOBODY)
