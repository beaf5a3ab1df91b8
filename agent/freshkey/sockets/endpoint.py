"""A socket that clients connect to, and how each of its connections is attended to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from freshkey.sockets.peers import peer_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from freshkey.sockets.handover import Handover
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.resources import ServerResources

    Socket: TypeAlias = socket.socket


class Attend(Protocol):
    """Serves one connection to its end; whoever calls it closes the socket."""

    async def __call__(self, sock: socket.socket, peer: Peer, resources: ServerResources) -> None:
        """Serve; an exception is logged, and ends this connection alone."""


class Listening(Protocol):
    """A listening socket, which may have a file that somebody else could take away."""

    socket: Socket

    @property
    def path(self) -> Path | str:
        """What it is called."""

    def change(self) -> str | None:
        """Say what somebody else has done to its file; None for nothing."""

    def restore(self) -> Socket | None:
        """Make its file anew; return the socket that this leaves without a file."""


class Endpoint(NamedTuple):
    """`busy` is what a client is sent when there is no room for it; `on_refused` is called then.

    `identify` finds out who has connected; `handover` has what an earlier server has accepted.
    """

    listener: Listening
    attend: Attend
    busy: bytes = b""
    on_refused: Callable[[Peer], None] | None = None
    identify: Callable[[Socket], Peer] = peer_of
    handover: Handover | None = None
