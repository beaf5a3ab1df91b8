"""Accepts connections, and stops in stages."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from freshkey.core.model.struct import Struct
from freshkey.sockets.clients import Clients
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Admission
from freshkey.sockets.resources import ServerResources
from freshkey.sockets.socket_watch import keep_in_place

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from freshkey.sockets.endpoint import Endpoint
    from freshkey.sockets.left import LeftConnections

_BATCH: Final = 32  # connections accepted without a checkpoint
_MOST_WAITING: Final = 4096  # net.core.somaxconn, socket(7): more wait in no socket
_ACCEPT_PAUSE: Final = 0.1  # seconds, when the process or the machine is at a limit
_FIRST_REQUEST_WITHIN: Final = 0.25  # seconds: a new client may take this long to send one


class Limits(Struct, frozen=True):
    """What clients may take: open connections, and seconds.

    `patience` is for a request to arrive and for an answer to be taken, `grace` for all that is
    under way when the server stops.
    """

    max_connections: int = 512
    max_connections_per_uid: int = 128
    patience: float = 10.0
    grace: float = 2.0  # what core.agent.stopping leaves of the 5 s in which a stop ends


class ServerStop:
    """How a server is stopped. `asked` is set by whoever wants that.

    The server sets `released` as soon as another one may take its listeners over. It goes on with
    those who are connected until `closing` is set: at once, unless that is another event.
    """

    def __init__(self, closing: trio.Event | None = None) -> None:
        self.asked = trio.Event()
        self.released = trio.Event()
        self.closing = self.asked if closing is None else closing


async def serve(
    endpoints: Sequence[Endpoint],
    limits: Limits,
    *,
    commit: Callable[[], None],
    stop: ServerStop,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until a stop is asked for; the listeners stay open.

    Then nothing more is accepted, and they are released. Once it closes, nothing more is read: what
    has arrived by then is answered, within the `grace` of the limits, and the connections are
    closed; who has only just connected has a moment to send the first request. No client can end
    this, and a fault in what attends to one can't either: it is logged, and its connection closed.
    No answer leaves before `commit`, which writes the record of it, was called.
    """
    fair_queue, outbox = FairQueue(), Outbox(commit)
    admission = Admission(limits.max_connections, limits.max_connections_per_uid)
    resources = ServerResources(fair_queue, outbox, limits.patience, stop.closing, {})
    clients = Clients(admission, resources)
    trio.lowlevel.add_instrument(outbox)
    try:
        async with trio.open_nursery() as background:
            background.start_soon(fair_queue.run)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    for endpoint in endpoints:
                        accepting.start_soon(_accept, endpoint, clients, connections)
                        accept_rest = partial(_accept_rest, endpoint, clients, connections)
                        accepting.start_soon(keep_in_place, endpoint.listener, accept_rest)
                        if endpoint.left is not None:
                            accepting.start_soon(
                                _take_over, endpoint, endpoint.left, clients, connections
                            )
                    task_status.started()
                    await stop.asked.wait()
                    accepting.cancel_scope.cancel()
                for endpoint in endpoints:
                    clients.welcome(endpoint, connections, limits.max_connections)
                    if endpoint.left is not None:
                        clients.take_over(endpoint, endpoint.left, connections)
                stop.released.set()
                background.start_soon(_close, stop.closing, clients, connections, limits.grace)
            background.cancel_scope.cancel()
    finally:
        trio.lowlevel.remove_instrument(outbox)
        clients.dismiss()


async def _close(
    closing: trio.Event, clients: Clients, connections: trio.Nursery, grace: float
) -> None:
    """Let every connection come to its end, within `grace` seconds."""
    await closing.wait()
    now = trio.current_time()
    connections.cancel_scope.deadline = now + grace
    clients.stop_reading(now - _FIRST_REQUEST_WITHIN)
    await trio.sleep(_FIRST_REQUEST_WITHIN)
    clients.stop_reading(now)


async def _accept(endpoint: Endpoint, clients: Clients, connections: trio.Nursery) -> None:
    while True:
        listening = endpoint.listener.socket
        with suppress(trio.ClosedResourceError):
            await trio.lowlevel.wait_readable(listening)
        if listening is not endpoint.listener.socket:  # another one has taken its place
            continue
        if not clients.welcome(endpoint, connections, _BATCH):
            await trio.sleep(_ACCEPT_PAUSE)


async def _take_over(
    endpoint: Endpoint, left: LeftConnections, clients: Clients, connections: trio.Nursery
) -> None:
    while True:
        await left.wait()
        clients.take_over(endpoint, left, connections)


def _accept_rest(
    endpoint: Endpoint, clients: Clients, connections: trio.Nursery, left: socket.socket
) -> None:
    """Accept those who connected to a socket while it had a file, and close it."""
    clients.welcome(endpoint, connections, _MOST_WAITING, left)
    trio.lowlevel.notify_closing(left)
    left.close()
