"""A socket that clients connect to, and how each of its connections is attended to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from freshkey.serve.connection import Connection
from freshkey.serve.responses import encode, problem

if TYPE_CHECKING:
    import socket

    import trio

    from freshkey.serve.connection import Answer
    from freshkey.serve.fair_queue import FairQueue
    from freshkey.serve.listener import Listener
    from freshkey.serve.outbox import Outbox
    from freshkey.serve.peers import Peer

_BUSY = encode(
    problem(
        503,
        "busy",
        "too many connections; reuse them, close those at rest, or raise server.max_connections",
        headers=(("Retry-After", "1"),),
    ),
    keep_alive=False,
)


class Means(NamedTuple):
    """What all connections share. `patience` is seconds for a request, or for an answer."""

    fair_queue: FairQueue
    outbox: Outbox
    patience: float
    stopping: trio.Event


class Attend(Protocol):
    """Serves one connection to its end; whoever calls it closes the socket."""

    async def __call__(self, sock: socket.socket, peer: Peer, means: Means) -> None:
        """Serve; an exception is logged, and ends this connection alone."""


class Endpoint(NamedTuple):
    """`busy` is what a client is sent for whom there is no room."""

    listener: Listener
    attend: Attend
    busy: bytes = b""


def http(listener: Listener, answer: Answer) -> Endpoint:
    """Serve requests over HTTP."""

    async def attend(sock: socket.socket, peer: Peer, means: Means) -> None:
        await Connection(
            sock,
            peer,
            answer,
            fair_queue=means.fair_queue,
            outbox=means.outbox,
            patience=means.patience,
            stopping=means.stopping,
        ).run()

    return Endpoint(listener, attend, _BUSY)
