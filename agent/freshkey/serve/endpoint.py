"""A listening socket that serves HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.serve.connection import Connection
from freshkey.serve.responses import encode, problem
from freshkey.sockets.endpoint import Endpoint

if TYPE_CHECKING:
    import socket

    from freshkey.serve.connection import Answer
    from freshkey.sockets.endpoint import Listening
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.resources import ServerResources

_BUSY: Final = encode(
    problem(
        503,
        "busy",
        "too many connections; reuse them, close those at rest, or raise server.max_connections",
        headers=(("Retry-After", "1"),),
    ),
    keep_alive=False,
)


def http(listener: Listening, answer: Answer) -> Endpoint:
    """Serve requests over HTTP."""

    async def attend(sock: socket.socket, peer: Peer, resources: ServerResources) -> None:
        await Connection(sock, peer, answer, resources).run()

    return Endpoint(listener, attend, _BUSY)
