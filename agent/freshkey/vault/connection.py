"""One HTTP request on a connection of its own.

hvac's own transport, requests, keeps connections, follows redirects with the token, reads .netrc,
and bounds each read but not the whole. A kept connection that Vault has closed meanwhile would
make a mint look unanswered; on a new one it is certain whether a request has left.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.core.faults import Fault, FaultError, FaultKind
from freshkey.vault.faults import not_vault
from freshkey.vault.tls import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.vault.tls import Trust

LARGEST_ANSWER: Final = 1 << 20
CONNECT_TIMEOUT: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back, whole; a header that is missing is empty."""

    status: int
    content_type: str
    location: str
    retry_after: str
    content: bytes = field(repr=False)  # it may hold a token or a key


class Connection:
    """To the node at `address`; from connecting to the last byte there are `seconds`.

    `cut()`, from another thread, ends a request under way: a timeout on the socket alone would be
    started anew by every byte.
    """

    def __init__(self, address: str, trust: Trust, seconds: float) -> None:
        self.address = address
        self._seconds = seconds
        self._trust = trust
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None  # http.client lets go of it before the body
        self._cut = False

    def cut(self) -> None:
        """End it now."""
        self._cut = True
        connecting = None if self._connection is None else self._connection.sock
        if (sock := self._socket or connecting) is not None:
            with suppress(OSError):
                # SSLSocket's own shutdown() drops the TLS state that the other thread reads from.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answered:
        """Send one request and read its answer.

        Raises FaultError: with `unanswered` once the request may have left.
        """
        connection = self._connection = self._unconnected()
        try:
            self._connect(connection)
            return self._exchange(connection, method, target, body, headers)
        finally:
            connection.close()

    def _unconnected(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        timeout = min(CONNECT_TIMEOUT, self._seconds)
        host = parts.hostname or ""
        # Always with a port: without, http.client looks for one in the host, IPv6 or not.
        if parts.scheme == "https":
            port = parts.port or http.client.HTTPS_PORT
            return _TLSConnection(host, port, timeout, self._trust)
        port = parts.port or http.client.HTTP_PORT
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            if not self._cut:
                connection.connect()
        except ssl.SSLEOFError:
            raise self._away("it ended the connection before TLS was set up") from None
        except ssl.SSLError as error:
            message = f"no TLS with Vault at {self.address}: {describe(error)}"
            raise FaultError(Fault(FaultKind.TLS, message)) from None
        except TimeoutError:
            raise self._away(f"no connection within {connection.timeout:g} s") from None
        except socket.gaierror as error:
            raise self._away(f"its name is not known ({error.strerror})") from None
        except OSError as error:
            raise self._away((error.strerror or type(error).__name__).lower()) from None
        except UnicodeError:
            raise self._away("its name is no host name") from None
        self._socket = connection.sock
        if self._cut:
            raise self._away(f"no connection within {self._seconds:g} s")

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answered:
        connection.sock.settimeout(self._seconds)  # no longer the one for connecting
        try:
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                content = response.read(LARGEST_ANSWER + 1)
        except ssl.SSLError as error:
            raise self._tls_broke(error) from None
        except (http.client.RemoteDisconnected, http.client.IncompleteRead, OSError) as error:
            raise self._silent(error) from None
        except http.client.HTTPException:
            if self._cut:
                raise self._silent(None) from None
            raise FaultError(not_vault("not in HTTP")) from None
        if len(content) > LARGEST_ANSWER:
            raise FaultError(not_vault("with more than 1 MiB"))
        if not self._whole(response):
            raise self._silent(None)
        return Answered(
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            location=response.headers.get("Location", ""),
            retry_after=response.headers.get("Retry-After", ""),
            content=content,
        )

    def _whole(self, response: http.client.HTTPResponse) -> bool:
        """Tell whether a body was read to its end: read(n) is silent when it ends too early."""
        if response.length is None and not response.chunked:  # it ends with the connection
            return not self._cut
        return not response.length

    def _away(self, reason: str) -> FaultError:
        message = f"Vault at {self.address} can't be reached: {reason}"
        return FaultError(Fault(FaultKind.UNREACHABLE, message))

    def _silent(self, error: Exception | None) -> FaultError:
        if self._cut or isinstance(error, TimeoutError):
            reason = f"gave no answer within {self._seconds:g} s"
        else:
            reason = "ended the connection before its answer was whole"
        message = f"Vault at {self.address} {reason}"
        return FaultError(Fault(FaultKind.UNREACHABLE, message, unanswered=True))

    def _tls_broke(self, error: ssl.SSLError) -> FaultError:
        if "ALERT" not in (error.reason or ""):
            return self._silent(error)
        # With TLS 1.3 a server refuses the client's certificate after the client is done: the
        # request has left, and was not read.
        message = f"Vault at {self.address} refuses TLS: {describe(error)}"
        return FaultError(Fault(FaultKind.TLS, message))


class _TLSConnection(http.client.HTTPConnection):
    """As HTTPSConnection, but the certificate's name may be another than the host's."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int, timeout: float, trust: Trust) -> None:
        super().__init__(host, port, timeout=timeout)
        self._trust = trust

    def connect(self) -> None:
        """Connect and shake hands, with the socket in place for `Connection.cut`."""
        context = self._trust.context
        super().connect()
        name = self._trust.server_name or self.host
        self.sock = context.wrap_socket(
            self.sock, server_hostname=name, do_handshake_on_connect=False
        )
        self.sock.do_handshake()
