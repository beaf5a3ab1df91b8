"""All who are connected to a server: let in or refused, each served in a task of its own."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from freshkey.sockets.provenance import with_provenance

if TYPE_CHECKING:
    from freshkey.sockets.endpoint import Endpoint
    from freshkey.sockets.handover import Handover
    from freshkey.sockets.peers import Admission, Peer
    from freshkey.sockets.resources import ServerResources

_LINGERING: Final = 32  # refused connections that stay open for a while
_WARN_EVERY: Final = 10.0  # seconds between two warnings about what clients cause

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Connections:
    """Those of one server."""

    def __init__(self, admission: Admission, resources: ServerResources) -> None:
        self._admission = admission
        self._resources = resources
        self._open: dict[socket.socket, Endpoint] = {}
        self._refused: deque[socket.socket] = deque()
        self._quiet_until = -inf

    def accept_waiting(
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

    def take_over(self, endpoint: Endpoint, handover: Handover, nursery: trio.Nursery) -> None:
        """Serve those that an earlier server has let in, and handed over."""
        for sock in handover.take_all():
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
            if endpoint.handover is not None:  # the next server may go on with it
                trio.lowlevel.notify_closing(sock)
            else:
                with suppress(OSError):  # the peer is gone
                    sock.shutdown(socket.SHUT_RD)

    def close_refused(self) -> None:
        """Close what was refused and is still open."""
        while self._refused:
            self._refused.pop().close()
