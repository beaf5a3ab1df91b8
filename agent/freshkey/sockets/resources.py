"""What all connections of a server share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

    import trio

    from freshkey.sockets.fair_queue import FairQueue
    from freshkey.sockets.outbox import Outbox


class ServerResources(NamedTuple):
    """`patience` is how many seconds a peer has for a request, and to take an answer.

    `stopping` is set before the server lets no more be read. `silent_since` has the connections
    of which nothing was read yet, and since when on trio's clock; whoever reads takes them out.
    """

    fair_queue: FairQueue
    outbox: Outbox
    patience: float
    stopping: trio.Event
    silent_since: dict[socket.socket, float]
