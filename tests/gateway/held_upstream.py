"""An upstream whose answers a test holds back."""

from __future__ import annotations

import socket


class HeldUpstream:
    """An upstream that answers each request when the test wants it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def take(self) -> socket.socket:
        """Wait for a connection, and for the whole request on it."""
        connection, _ = self._listener.accept()
        connection.settimeout(30)
        text = b""
        while not text.endswith(b"}"):
            text += connection.recv(65536)
        return connection

    def close(self) -> None:
        self._listener.close()
