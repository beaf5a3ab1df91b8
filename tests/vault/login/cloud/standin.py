"""Stand-ins for what a cloud runs: a server with answers by request line, and Vault's login."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.vault.servers import Request, ScriptedServer, answer

Answer = bytes | Callable[[Request], bytes] | None  # None: nothing, ever

ACCEPTED = answer(
    body={
        "request_id": "3f1d0a4e-0000-4000-8000-000000000001",
        "auth": {
            "client_token": "hvs.of-the-cloud",
            "accessor": "accessor-1",
            "lease_duration": 60,
            "renewable": True,
            "token_type": "service",
            "num_uses": 0,
        },
    }
)


@dataclass
class Cloud(ScriptedServer):
    """Answers as `routes` say, by method and target; 404 to all else."""

    script: bytes | Callable[[socket.socket], None] = b""
    routes: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.script = self._answer

    def _answer(self, client: socket.socket) -> None:
        request = self.requests[-1]
        line = request.line.removesuffix(" HTTP/1.1")
        reply = self.routes.get(line, answer(404, b"not found", content_type="text/plain"))
        if reply is None:
            self._ended.wait()
        else:
            client.sendall(reply if isinstance(reply, bytes) else reply(request))

    def request(self, start: str) -> Request:
        """Return the one request whose line starts so."""
        [found] = [request for request in self.requests if request.line.startswith(start)]
        return found
