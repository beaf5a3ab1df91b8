"""A TCP port that leads to a Unix socket, for clients that know no other way."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_QUIET = 1.0  # seconds after an answer's last byte, when a connection is ended: streams do not end
_PATIENCE = 30.0  # seconds for an answer


class Forwarder:
    """Forwards each connection in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.socket(socket.AF_UNIX) as agent,
            selectors.DefaultSelector() as ready,
        ):
            agent.connect(str(self._path))
            for source, target in ((client, agent), (agent, client)):
                ready.register(source, selectors.EVENT_READ, (source, target))
            quiet = _PATIENCE
            while found := ready.select(quiet):
                for key, _ in found:
                    source, target = key.data
                    if not (data := source.recv(65536)):
                        return
                    target.sendall(data)
                    quiet = _QUIET if source is agent else _PATIENCE
