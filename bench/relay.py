"""Passes connections on to Vault, and notes when an answer with a new key went to the agent.

Other answers come in between, such as that to the revocation of the key before.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

_REQUEST: Final = re.compile(rb"[A-Z]+ \S+ HTTP/1\.1\r\n")
_MINT: Final = re.compile(rb"GET \S+/creds/\S+ ")


class Relay:
    """A context manager; `address` is what the agent takes for Vault's, over plain HTTP."""

    def __init__(self, vault: str) -> None:
        parts = urlsplit(vault)
        self._vault = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answered: list[float] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def answered_before(self, instant: float) -> float:
        """Return when the last part of a mint's answer left, before an instant; Unix time, both.

        ValueError when none did.
        """
        return max(at for at in self._answered if at <= instant)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                agent, _ = self._listener.accept()
                vault = socket.create_connection(self._vault)
                vault.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                agent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                minting = threading.Event()
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(agent, vault, minting), daemon=True).start()

    def _requests(
        self, agent: socket.socket, vault: socket.socket, minting: threading.Event
    ) -> None:
        """Pass requests on, and note what the next answer is to: a client of Vault waits for it."""
        with suppress(OSError):
            while data := agent.recv(65536):
                if _REQUEST.match(data):  # else it is the rest of one
                    (minting.set if _MINT.match(data) else minting.clear)()
                vault.sendall(data)
            vault.shutdown(socket.SHUT_WR)

    def _answers(
        self, agent: socket.socket, vault: socket.socket, minting: threading.Event
    ) -> None:
        with suppress(OSError), agent, vault:
            while data := vault.recv(65536):
                if minting.is_set():
                    self._answered.append(time.time())  # before: the agent may be quicker than we
                agent.sendall(data)
