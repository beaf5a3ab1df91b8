"""Servers that answer as no Vault does, or with a script; real sockets, a thread each."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

Handler = Callable[[socket.socket], None]


def answer(
    status: int = 200,
    body: object = None,
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a whole HTTP answer; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": content_type, "Content-Length": str(len(content)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Sends `script` to every client that has sent a request, or lets it act on the socket."""

    script: bytes | Handler
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for sock in (self._listener, *self._clients):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
            assert not thread.is_alive()
        for sock in (self._listener, *self._clients):
            sock.close()

    @property
    def address(self) -> str:
        """Its URL."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def wait(self, seconds: float) -> bool:
        """For a script: let time pass; whether the server was stopped meanwhile."""
        return self._ended.wait(seconds)

    @classmethod
    def silent(cls) -> Self:
        """Make one that answers nothing, ever."""

        def wait(_: socket.socket) -> None:
            server._ended.wait()

        server = cls(wait)
        return server

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self.tls is not None:
                client = self._shake_hands(self.tls, client)
            with client:
                self.requests.append(_receive(client))
                if isinstance(self.script, bytes):
                    client.sendall(self.script)
                else:
                    self.script(client)

    def _shake_hands(self, tls: ssl.SSLContext, client: socket.socket) -> ssl.SSLSocket:
        wrapped = tls.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        self._clients.append(wrapped)
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            # A request that is left unread would make this a reset, which overtakes the alert.
            socket.socket.shutdown(wrapped, socket.SHUT_WR)
            while socket.socket.recv(wrapped, 4096):
                pass
            raise
        return wrapped


def _receive(client: socket.socket) -> Request:
    with client.makefile("rb") as file:
        line = file.readline().decode().strip()
        headers = {}
        while header := file.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, file.read(int(headers.get("content-length", 0))))
