"""`[server] health`: whether the agent is well, and its metrics, over TCP. Never a key.

For probes of a kubelet and for Prometheus, which speak to no Unix socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.serve.endpoint import http
from freshkey.serve.responses import problem

if TYPE_CHECKING:
    from freshkey.serve.connection import Answer
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Later, Response, Stream
    from freshkey.sockets.endpoint import Endpoint
    from freshkey.sockets.peers import Peer
    from freshkey.sockets.tcp_listener import TcpListener


def health(listener: TcpListener, answer: Answer) -> Endpoint:
    """Serve what `answer` says of health and metrics, and nothing else."""

    def of_health(request: Request, peer: Peer) -> Response | Later | Stream:
        match request.path.split("/"):
            case ["", "livez" | "readyz" | "metrics", *_]:
                return answer(request, peer)
            case _:
                return problem(404, "unknown_path", "livez, readyz, and metrics are served here")

    return http(listener, of_health)
