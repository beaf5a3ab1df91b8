"""`[server] health`: whether the agent is well, and its metrics, over TCP. Never a key.

For probes of a kubelet and for Prometheus, which speak to no Unix socket.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, final

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.serve.endpoint import http
from freshkey.serve.responses import problem

if TYPE_CHECKING:
    from freshkey.serve.connection import Answer
    from freshkey.serve.endpoint import Endpoint
    from freshkey.serve.framing import Request
    from freshkey.serve.peers import Peer
    from freshkey.serve.responses import Later, Response, Stream
    from freshkey.settings.urls import HostPort

_BACKLOG = 128


@final
class HealthListener:
    """A listening TCP socket. Raises FaultError (`output`) when the address can't be had."""

    def __init__(self, address: HostPort) -> None:
        self.address = address
        self.path = f"server.health: {address}"
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(address)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            message = f"{self.path}: {error.strerror}: name an address of this machine that is free"
            raise FaultError(Fault(FaultKind.OUTPUT, message)) from None

    def change(self) -> None:
        """Say that nobody has changed it: it has no file."""

    def restore(self) -> None:
        """Do nothing: there is nothing to make anew."""

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


def health(listener: HealthListener, answer: Answer) -> Endpoint:
    """Serve what `answer` says of health and metrics, and nothing else."""

    def of_health(request: Request, peer: Peer) -> Response | Later | Stream:
        match request.path.split("/"):
            case ["", "livez" | "readyz" | "metrics", *_]:
                return answer(request, peer)
            case _:
                return problem(404, "unknown_path", "livez, readyz, and metrics are served here")

    return http(listener, of_health)
