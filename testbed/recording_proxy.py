"""TCP proxies in front of Vault that record each request: one for a node, and a load balancer."""

import contextlib
import re
import selectors
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from testbed.process import ReservedPort

CHECK_EVERY = 0.25
CHECK_TIMEOUT = 1.0
"""Seconds, both; real load balancers take longer, and their clients wait as long."""

_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
_CHUNK = 1 << 16
_MAX_HEAD_BYTES = 1 << 15
_IDLE_TIMEOUT = 120.0


@dataclass
class RecordedRequest:
    """One request: `at` is time.monotonic(); empty and 0 for what never came."""

    at: float
    method: str = ""
    path: str = ""
    status: int = 0
    retry_after: int = 0


@dataclass(frozen=True)
class CannedResponse:
    """An answer that is given in place of Vault's, to requests whose path begins with `path`."""

    status: str
    content_type: str
    body: bytes
    path: str = "/"
    once: bool = False

    def encode(self) -> bytes:
        """Return it as HTTP."""
        head = (
            f"HTTP/1.1 {self.status}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + self.body


class RecordingProxy:
    """Passes connections on to the port that `target` names, and records what they carry.

    While there is no target it closes them, as a load balancer without a healthy node does. Every
    connection is in `requests` from its beginning on, and each further request of one that is kept.
    """

    def __init__(self, target: Callable[[], int | None]) -> None:
        self._target = target
        self._port = ReservedPort()
        self._listener: socket.socket | None = None
        self.address = f"http://127.0.0.1:{self._port.number}"
        self.listen = f"127.0.0.1:{self._port.number}"
        self.requests: list[RecordedRequest] = []
        self.canned_response: CannedResponse | None = None

    def open(self) -> None:
        """Listen; does nothing when it does."""
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port.number))
            listener.listen(128)
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections until it is opened; those that stand go on."""
        if self._listener is not None:
            # A close alone would not wake the thread that waits in accept.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def requests_since(self, at: float, path: str = "/") -> list[RecordedRequest]:
        """Return what came since then: everything, or the requests to `path` and below."""
        return [
            s for s in [*self.requests] if s.at >= at and (path == "/" or s.path.startswith(path))
        ]

    def __enter__(self) -> Self:
        self.open()
        return self

    def stop(self) -> None:
        """Close it, and let go of its port."""
        self.close()
        self._port.close()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        request = RecordedRequest(time.monotonic())
        self.requests.append(request)
        with client, contextlib.suppress(OSError):
            client.settimeout(_IDLE_TIMEOUT)
            head = _read_head(client)
            if not head:
                return
            request.method, request.path = head.decode("latin-1").split(" ")[:2]
            canned_response = self.canned_response
            if canned_response is not None and request.path.startswith(canned_response.path):
                if canned_response.once:
                    self.canned_response = None
                client.sendall(canned_response.encode())
                request.status = int(canned_response.status.split()[0])
            elif (port := self._target()) is not None:
                with socket.create_connection(("127.0.0.1", port), CHECK_TIMEOUT) as server:
                    server.sendall(head)
                    _forward(client, server, self.requests, request)


class LoadBalancer(RecordingProxy):
    """Passes connections on to the active node, found by a health check on sys/health.

    https://developer.hashicorp.com/vault/docs/concepts/ha#behind-load-balancers
    """

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(lambda: self.target)
        self._ports = ports
        self._active: dict[int, bool] = {}
        self._closing = threading.Event()

    @property
    def target(self) -> int | None:
        """The port of the active node, None while none is known."""
        return next((port for port in self._ports if self._active.get(port)), None)

    def __enter__(self) -> Self:
        for port in self._ports:
            threading.Thread(target=self._check, args=(port,), daemon=True).start()
        return super().__enter__()

    def stop(self) -> None:
        """End its health checks too."""
        self._closing.set()
        super().stop()

    def _check(self, port: int) -> None:
        while not self._closing.is_set():
            self._active[port] = health(port) == HTTPStatus.OK
            self._closing.wait(CHECK_EVERY)


def health(port: int) -> int | None:
    """Return the status of sys/health: 200 from the active node alone; None: no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = f"http://127.0.0.1:{port}/v1/sys/health"
    try:
        with opener.open(url, timeout=CHECK_TIMEOUT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, ValueError):
        return None


def _read_head(client: socket.socket) -> bytes:
    """Read to the end of the headers, and whatever came along; empty when the client went away."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
        if not (chunk := client.recv(_CHUNK)):
            return b""
        head += chunk
    return head


def _forward(
    client: socket.socket,
    server: socket.socket,
    requests: list[RecordedRequest],
    request: RecordedRequest,
) -> None:
    """Pass bytes on in both directions until one side ends; `request` is under way."""
    unread = b""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, (client, server))
        selector.register(server, selectors.EVENT_READ, (server, client))
        while ready := selector.select(_IDLE_TIMEOUT):
            for key, _ in ready:
                source, sink = key.data
                if not (chunk := source.recv(_CHUNK)):
                    return
                if source is server and not request.status:
                    _record_answer(chunk, request)
                elif source is client:
                    unread = (unread + chunk)[-_MAX_HEAD_BYTES:]
                    while found := _REQUEST_LINE.search(unread):  # it may come in pieces
                        unread = unread[found.end() :]
                        method, path = (part.decode("latin-1") for part in found.groups())
                        request = RecordedRequest(time.monotonic(), method, path)
                        requests.append(request)
                sink.sendall(chunk)


def _record_answer(chunk: bytes, request: RecordedRequest) -> None:
    request.status = int(chunk.split(b" ", 2)[1])
    if found := re.search(rb"\r\nRetry-After: (\d+)\r\n", chunk, re.IGNORECASE):
        request.retry_after = int(found[1])
