"""Connections to OpenAI, kept and used again."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final, NamedTuple, final
from urllib.parse import urlsplit

import trio

from freshkey.gateway.refusals import RefusedError, no_answer
from freshkey.gateway.streams import ByteStream
from freshkey.host.proxies import PORTS, ProxyError, proxy_for

if TYPE_CHECKING:
    from freshkey.host.proxies import Proxy

CONNECT_TIMEOUT: Final = 10.0  # seconds, for each of an address, a proxy, and TLS
_IDLE: Final = 30.0  # seconds after which a connection is not used again
_AT_ONCE: Final = 64  # connections being made
_MOST_IDLE: Final = 64  # connections at rest


class _Idle(NamedTuple):
    stream: ByteStream
    since: float


class Lent(NamedTuple):
    """A connection; `reused` ones may have been closed by the other side just now."""

    stream: ByteStream
    reused: bool


@final
class Upstream:
    """The API at `url`; to be closed with `close`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.path = parts.path.rstrip("/")
        self.host = parts.netloc.encode()
        self._is_tls = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._idle: list[_Idle] = []
        self._tls: ssl.SSLContext | None = None
        self._is_closed = False
        self._threads = trio.CapacityLimiter(_AT_ONCE)  # of its own: others never wait for these

    async def take(self, *, fresh: bool = False) -> Lent:
        """Return a connection that nobody else uses; raises RefusedError (502)."""
        while self._idle and not fresh:
            stream, since = self._idle.pop()
            if trio.current_time() - since < _IDLE and not _has_news(stream.socket):
                return Lent(stream, reused=True)
            stream.close()
        attempt = _Attempt()
        try:
            sock = await trio.to_thread.run_sync(
                self._connect, attempt, abandon_on_cancel=True, limiter=self._threads
            )
            attempt.is_taken = True
            return Lent(ByteStream(sock), reused=False)
        except ProxyError as error:
            raise RefusedError(no_answer(f"no way to OpenAI through its proxy: {error}")) from None
        except ssl.SSLError as error:
            message = f"no TLS with {self._name}: {error.reason or 'it was ended'}"
            raise RefusedError(no_answer(message)) from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "no connection in time"
            raise RefusedError(no_answer(f"{self._name} can't be reached: {reason}")) from None
        finally:
            attempt.end()

    def give_back(self, stream: ByteStream) -> None:
        """Keep a connection on which nothing is under way any more."""
        if self._is_closed or len(self._idle) >= _MOST_IDLE or _has_news(stream.socket):
            stream.close()
            return
        now = trio.current_time()
        while self._idle and now - self._idle[0].since >= _IDLE:
            self._idle.pop(0).stream.close()
        self._idle.append(_Idle(stream, now))

    def close(self) -> None:
        """Close what is at rest now, and all else when it is given back."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().stream.close()

    def _connect(self, attempt: _Attempt) -> socket.socket:
        """Connect, in a thread: names are looked up, and handshakes made, without haste."""
        proxy: Proxy | None = proxy_for(self.url, os.environ) if self._is_tls else None
        place = (proxy.host, proxy.port) if proxy else (self._name, self._port)
        self._name.encode("idna")  # raises UnicodeError; when ssl does, the socket stays open
        sock = socket.create_connection(place, CONNECT_TIMEOUT)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if proxy:
                proxy.open_tunnel(sock, self._name, self._port)
            if self._is_tls:
                if self._tls is None:
                    self._tls = ssl.create_default_context()  # the system's trust
                sock = self._tls.wrap_socket(sock, server_hostname=self._name)
            sock.settimeout(0)
        except BaseException:
            sock.close()
            raise
        attempt.offer(sock)
        return sock


@final
class _Attempt:
    """A connection being made: closed, whenever it comes, unless it `is_taken`."""

    def __init__(self) -> None:
        self.is_taken = False
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._has_ended = False

    def offer(self, sock: socket.socket) -> None:
        """In the thread: here it is."""
        with self._lock:
            self._sock = sock
            if self._has_ended:
                sock.close()

    def end(self) -> None:
        """Wait no longer, maybe in the very moment of its coming."""
        with self._lock:
            self._has_ended = True
            if self._sock is not None and not self.is_taken:
                self._sock.close()


def _has_news(sock: socket.socket) -> bool:
    """Whether a connection at rest was ended, or says what nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
