"""Accepts connections, and stops in stages."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from freshkey.core.model.struct import Struct
from freshkey.sockets.connections import Connections
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Admission
from freshkey.sockets.resources import ServerResources
from freshkey.sockets.socket_watch import keep_in_place

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from freshkey.sockets.endpoint import Endpoint
    from freshkey.sockets.handover import Handover

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


async def serve(  # noqa: PLR0913 - whom to serve, how much, and how it ends
    endpoints: Sequence[Endpoint],
    limits: Limits,
    *,
    commit: Callable[[], None],
    stop: ServerStop,
    admission: Admission | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until a stop is asked for; the listeners stay open.

    Then nothing more is accepted, and they are released. Once it closes, nothing more is read: what
    has arrived by then is answered, within the `grace` of the limits, and the connections are
    closed; a new connection has 0.25 s to send its first request. No client can end this: an
    exception in what attends to one is logged, and ends that connection only.
    No answer leaves before `commit`, which writes the record of it, was called. `admission` counts
    the connections of earlier servers, too.
    """
    fair_queue, outbox = FairQueue(), Outbox(commit)
    admission = admission or Admission()
    admission.allow(limits.max_connections, limits.max_connections_per_uid)
    resources = ServerResources(fair_queue, outbox, limits.patience, stop.closing, {})
    connections = Connections(admission, resources)
    trio.lowlevel.add_instrument(outbox)
    try:
        async with trio.open_nursery() as background:
            background.start_soon(fair_queue.run)
            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as accepting:
                    for endpoint in endpoints:
                        accepting.start_soon(_accept, endpoint, connections, nursery)
                        accept_rest = partial(_accept_rest, endpoint, connections, nursery)
                        accepting.start_soon(keep_in_place, endpoint.listener, accept_rest)
                        if endpoint.handover is not None:
                            accepting.start_soon(
                                _take_over, endpoint, endpoint.handover, connections, nursery
                            )
                    task_status.started()
                    await stop.asked.wait()
                    accepting.cancel_scope.cancel()
                for endpoint in endpoints:
                    connections.accept_waiting(endpoint, nursery, limits.max_connections)
                    if endpoint.handover is not None:
                        connections.take_over(endpoint, endpoint.handover, nursery)
                stop.released.set()
                background.start_soon(_close, stop.closing, connections, nursery, limits.grace)
            background.cancel_scope.cancel()
    finally:
        trio.lowlevel.remove_instrument(outbox)
        connections.close_refused()


async def _close(
    closing: trio.Event, connections: Connections, nursery: trio.Nursery, grace: float
) -> None:
    """Let every connection come to its end, within `grace` seconds."""
    await closing.wait()
    now = trio.current_time()
    nursery.cancel_scope.deadline = now + grace
    connections.stop_reading(now - _FIRST_REQUEST_WITHIN)
    await trio.sleep(_FIRST_REQUEST_WITHIN)
    connections.stop_reading(now)


async def _accept(endpoint: Endpoint, connections: Connections, nursery: trio.Nursery) -> None:
    while True:
        listening = endpoint.listener.socket
        with suppress(trio.ClosedResourceError):
            await trio.lowlevel.wait_readable(listening)
        if listening is not endpoint.listener.socket:  # another one has taken its place
            continue
        if not connections.accept_waiting(endpoint, nursery, _BATCH):
            await trio.sleep(_ACCEPT_PAUSE)


async def _take_over(
    endpoint: Endpoint, handover: Handover, connections: Connections, nursery: trio.Nursery
) -> None:
    while True:
        await handover.wait()
        connections.take_over(endpoint, handover, nursery)


def _accept_rest(
    endpoint: Endpoint, connections: Connections, nursery: trio.Nursery, orphan: socket.socket
) -> None:
    """Accept those who connected to a socket while it had a file, and close it."""
    connections.accept_waiting(endpoint, nursery, _MOST_WAITING, orphan)
    trio.lowlevel.notify_closing(orphan)
    orphan.close()
