"""Accepts connections within limits, serves each in a task of its own, and stops in stages."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from freshkey.core.model.struct import Struct
from freshkey.sockets.fair_queue import FairQueue
from freshkey.sockets.outbox import Outbox
from freshkey.sockets.peers import Admission, Peer
from freshkey.sockets.provenance import with_provenance
from freshkey.sockets.resources import ServerResources
from freshkey.sockets.socket_watch import keep_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from freshkey.sockets.endpoint import Endpoint
    from freshkey.sockets.left import LeftConnections

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_BATCH: Final = 32  # connections accepted without a checkpoint
_MOST_WAITING: Final = 4096  # net.core.somaxconn, socket(7): more wait in no socket
_ACCEPT_PAUSE: Final = 0.1  # seconds, when the process or the machine is at a limit
_FIRST_REQUEST_WITHIN: Final = 0.25  # seconds: a new client may take this long to send one
_LINGERING: Final = 32  # refused connections that stay open for a while
_WARN_EVERY: Final = 10.0  # seconds between two warnings about what clients cause


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
    clients = _Clients(
        limits, ServerResources(fair_queue, outbox, limits.patience, stop.closing, {})
    )
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
                            go_on = partial(clients.go_on_with, endpoint, connections)
                            accepting.start_soon(_go_on_with_all, endpoint.left, go_on)
                    task_status.started()
                    await stop.asked.wait()
                    accepting.cancel_scope.cancel()
                for endpoint in endpoints:
                    clients.welcome(endpoint, connections, limits.max_connections)
                    if endpoint.left is not None:
                        for sock in endpoint.left.rest():
                            clients.go_on_with(endpoint, connections, sock)
                stop.released.set()
                background.start_soon(_close, stop.closing, clients, connections, limits.grace)
            background.cancel_scope.cancel()
    finally:
        trio.lowlevel.remove_instrument(outbox)
        clients.dismiss()


async def _close(
    closing: trio.Event, clients: _Clients, connections: trio.Nursery, grace: float
) -> None:
    """Let every connection come to its end, within `grace` seconds."""
    await closing.wait()
    now = trio.current_time()
    connections.cancel_scope.deadline = now + grace
    clients.stop_reading(now - _FIRST_REQUEST_WITHIN)
    await trio.sleep(_FIRST_REQUEST_WITHIN)
    clients.stop_reading(now)


async def _accept(endpoint: Endpoint, clients: _Clients, connections: trio.Nursery) -> None:
    while True:
        listening = endpoint.listener.socket
        with suppress(trio.ClosedResourceError):
            await trio.lowlevel.wait_readable(listening)
        if listening is not endpoint.listener.socket:  # another one has taken its place
            continue
        if not clients.welcome(endpoint, connections, _BATCH):
            await trio.sleep(_ACCEPT_PAUSE)


async def _go_on_with_all(left: LeftConnections, go_on: Callable[[socket.socket], None]) -> None:
    while True:
        go_on(await left.next())


def _accept_rest(
    endpoint: Endpoint, clients: _Clients, connections: trio.Nursery, left: socket.socket
) -> None:
    """Accept those who connected to a socket while it had a file, and close it."""
    clients.welcome(endpoint, connections, _MOST_WAITING, left)
    trio.lowlevel.notify_closing(left)
    left.close()


@final
class _Clients:
    """All who are connected."""

    def __init__(self, limits: Limits, resources: ServerResources) -> None:
        self._resources = resources
        self._admission = Admission(limits.max_connections, limits.max_connections_per_uid)
        self._open: dict[socket.socket, Endpoint] = {}
        self._refused: deque[socket.socket] = deque()
        self._quiet_until = -inf

    def welcome(
        self,
        endpoint: Endpoint,
        nursery: trio.Nursery,
        most: int,
        listening: socket.socket | None = None,
    ) -> bool:
        """Accept those who wait, up to `most`; serve or refuse each. False: no more can be had.

        `listening` is a socket of the endpoint that has been replaced.
        """
        listening = listening or endpoint.listener.socket
        for _ in range(most):
            try:
                sock, _address = listening.accept()
            except BlockingIOError:
                break
            except OSError as error:  # out of descriptors or memory (accept(2))
                self._warn("server.accept_failed", error=error.strerror)
                return False
            sock.settimeout(0)
            peer = endpoint.identify(sock)
            if self._admission.admit(peer):
                self._begin(endpoint, nursery, sock, peer)
            else:
                self._refuse(endpoint, sock, peer)
        return True

    def go_on_with(self, endpoint: Endpoint, nursery: trio.Nursery, sock: socket.socket) -> None:
        """Serve a connection that an earlier server has let in."""
        sock.settimeout(0)
        peer = endpoint.identify(sock)
        self._admission.keep(peer)
        self._begin(endpoint, nursery, sock, peer)

    def _begin(
        self, endpoint: Endpoint, nursery: trio.Nursery, sock: socket.socket, peer: Peer
    ) -> None:
        self._open[sock] = endpoint
        self._resources.silent_since[sock] = trio.current_time()
        nursery.start_soon(self._attend, endpoint, sock, peer)

    async def _attend(self, endpoint: Endpoint, sock: socket.socket, peer: Peer) -> None:
        try:
            await self._resources.fair_queue.take(peer.uid)
            await endpoint.attend(sock, with_provenance(peer, sock), self._resources)
        except Exception:
            # The bound of what one connection can break.
            log.exception("connection.failed", pid=peer.pid, uid=peer.uid)
        finally:
            self._resources.silent_since.pop(sock, None)
            sock.close()
            del self._open[sock]
            self._admission.release(peer)

    def _refuse(self, endpoint: Endpoint, sock: socket.socket, peer: Peer) -> None:
        """Say that there is no room.

        The connection is closed only once more are refused: at once, and a client that is still
        sending its request would get a broken pipe instead of the answer.
        """
        self._warn("connection.refused", pid=peer.pid, uid=peer.uid, open=len(self._open))
        if endpoint.on_refused is not None:
            endpoint.on_refused(peer)
            self._resources.outbox.flush()
        try:
            sock.send(endpoint.busy)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()  # gone already
            return
        self._refused.append(sock)
        if len(self._refused) > _LINGERING:
            self._refused.popleft().close()

    def _warn(self, event: str, **fields: object) -> None:
        """Log what clients cause, without letting them fill the log."""
        if (now := trio.current_time()) >= self._quiet_until:
            self._quiet_until = now + _WARN_EVERY
            log.warning(event, **fields)

    def stop_reading(self, latest: float) -> None:
        """Let connections come to their end: what was sent till now is the last to be read.

        Those that came after `latest`, and of which nothing was read, go on.
        """
        for sock, endpoint in self._open.items():
            if self._resources.silent_since.get(sock, -inf) > latest:
                continue
            if endpoint.left is not None:  # the next server may go on with it
                trio.lowlevel.notify_closing(sock)
            else:
                with suppress(OSError):  # the peer is gone
                    sock.shutdown(socket.SHUT_RD)

    def dismiss(self) -> None:
        """Close what was refused and is still open."""
        while self._refused:
            self._refused.pop().close()
