"""One HTTP request on a connection of its own.

hvac's own transport, requests, keeps connections, follows redirects with the token, reads .netrc,
and bounds each read but not the whole. A kept connection that Vault has closed meanwhile would
make a mint look unanswered; on a new one it is certain whether a request has left.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import Struct
from freshkey.host.proxies import PORTS, ProxyError, proxy_for
from freshkey.vault.answers.faults import not_vault
from freshkey.vault.transport.tls import describe
from freshkey.vault.transport.tls_connection import TLSConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.host.proxies import Proxy
    from freshkey.vault.transport.tls import Trust

LARGEST_ANSWER: Final = 1 << 20
CONNECT_TIMEOUT: Final = 5.0
# https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables
PROXIES: Final = ("VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY")


class Answered(Struct, frozen=True):
    """What came back, whole; a header that is missing is empty."""

    status: int
    content_type: str
    location: str
    retry_after: str
    content: bytes

    def __repr__(self) -> str:
        return f"Answered({self.status})"  # its content may hold a token or a key


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
        self._proxy: Proxy | None = None

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
        try:
            self._proxy = proxy_for(self.address, os.environ, PROXIES)
            answered = self._request(self._make_connection(), method, target, body, headers)
            if self._proxy is not None:
                self._proxy.refuse(answered.status)
        except ProxyError as error:
            raise self._unreachable(str(error)) from None
        return answered

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answered:
        self._connection = connection
        if self._proxy is not None and not isinstance(connection, TLSConnection):
            # https://www.rfc-editor.org/rfc/rfc9112#name-absolute-form
            target = f"http://{urlsplit(self.address).netloc}{target}"
            headers = {**headers, **self._proxy.headers}
        try:
            self._connect(connection)
            return self._exchange(connection, method, target, body, headers)
        finally:
            connection.close()

    def _make_connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        timeout = min(CONNECT_TIMEOUT, self._seconds)
        host, proxy = parts.hostname or "", self._proxy
        # Always with a port: without, http.client looks for one in the host, IPv6 or not.
        port = parts.port or PORTS[parts.scheme]
        if parts.scheme == "https":
            return TLSConnection(host, port, timeout, self._trust, proxy)
        if proxy is not None:
            host, port = proxy.host, proxy.port
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            if not self._cut:
                connection.connect()
        except ssl.SSLEOFError:
            raise self._unreachable("it ended the connection before TLS was set up") from None
        except ssl.SSLError as error:
            message = f"no TLS with Vault at {self.address}: {describe(error)}"
            raise FaultError(Fault(FaultKind.TLS, message)) from None
        except TimeoutError:
            raise self._unreachable(f"no connection within {connection.timeout:g} s") from None
        except socket.gaierror as error:
            raise self._unreachable(f"its name is not known ({error.strerror})") from None
        except OSError as error:
            raise self._unreachable((error.strerror or type(error).__name__).lower()) from None
        except UnicodeError:
            raise self._unreachable("its name is no host name") from None
        self._socket = connection.sock
        if self._cut:
            raise self._unreachable(f"no connection within {self._seconds:g} s")

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
            raise self._unanswered(error) from None
        except http.client.HTTPException:
            if self._cut:
                raise self._unanswered(None) from None
            raise FaultError(not_vault("not in HTTP")) from None
        if len(content) > LARGEST_ANSWER:
            raise FaultError(not_vault("with more than 1 MiB"))
        if not self._is_complete(response):
            raise self._unanswered(None)
        return Answered(
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            location=response.headers.get("Location", ""),
            retry_after=response.headers.get("Retry-After", ""),
            content=content,
        )

    def _is_complete(self, response: http.client.HTTPResponse) -> bool:
        """Tell whether a body was read to its end: read(n) is silent when it ends too early."""
        if response.length is None and not response.chunked:  # it ends with the connection
            return not self._cut
        return not response.length

    def _unreachable(self, reason: str) -> FaultError:
        through = f" through the proxy {self._proxy}" if self._proxy else ""
        message = f"Vault at {self.address} can't be reached{through}: {reason}"
        return FaultError(Fault(FaultKind.UNREACHABLE, message))

    def _unanswered(self, error: Exception | None) -> FaultError:
        if self._cut or isinstance(error, TimeoutError):
            reason = f"gave no answer within {self._seconds:g} s"
        else:
            reason = "ended the connection before its answer was whole"
        message = f"Vault at {self.address} {reason}"
        return FaultError(Fault(FaultKind.UNREACHABLE, message, unanswered=True))

    def _tls_broke(self, error: ssl.SSLError) -> FaultError:
        if "ALERT" not in (error.reason or ""):
            return self._unanswered(error)
        # With TLS 1.3 a server refuses the client's certificate after the client is done: the
        # request has left, and was not read.
        message = f"Vault at {self.address} refuses TLS: {describe(error)}"
        return FaultError(Fault(FaultKind.TLS, message))
