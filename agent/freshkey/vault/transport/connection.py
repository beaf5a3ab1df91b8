"""One HTTP request on a connection of its own.

hvac's own transport, requests, keeps connections, follows redirects with the token, reads .netrc,
and bounds each read but not the whole. A kept connection that Vault has closed meanwhile would
make a mint look unanswered; on a new one it is certain whether a request has left.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import Struct
from freshkey.host.proxies import PORTS, ProxyError, proxy_for
from freshkey.http1.answers import AnswerParser, BadAnswerError
from freshkey.http1.headers import first
from freshkey.http1.requests import UnsendableError, request_head
from freshkey.vault.answers.faults import not_vault
from freshkey.vault.transport.tls import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.host.proxies import Proxy
    from freshkey.vault.transport.tls import Trust

LARGEST_ANSWER: Final = 1 << 20
CONNECT_TIMEOUT: Final = 5.0
_PORTION: Final = 1 << 16  # bytes read at once
_GIVEN_UP: Final = "until the agent, which stops or reloads, gave it up"
# They tell the length of their body, even if there is none: RFC 9110, 8.6.
_WITH_BODY: Final = frozenset({"PATCH", "POST", "PUT"})
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
        self._socket: socket.socket | None = None
        self._cut = False
        self._given_up = False
        self._proxy: Proxy | None = None

    def cut(self) -> None:
        """End it now."""
        self._cut = True
        if (sock := self._socket) is not None:
            with suppress(OSError):
                # SSLSocket's own shutdown() drops the TLS state that the other thread reads from.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def give_up(self) -> None:
        """End it now, before its time is up."""
        self._given_up = True
        self.cut()

    def request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answered:
        """Send one request and read its answer.

        Raises FaultError: with `unanswered` once the request may have left.
        """
        try:
            self._proxy = proxy_for(self.address, os.environ, PROXIES)
            request = self._encoded(method, target, body, headers)
            answered = self._exchange(self._connect(), request)
            if self._proxy is not None:
                self._proxy.refuse(answered.status)
        except ProxyError as error:
            raise self._unreachable(str(error)) from None
        finally:
            if self._socket is not None:
                self._socket.close()
        return answered

    def _encoded(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        parts = urlsplit(self.address)
        fields = {"Host": parts.netloc, "Accept-Encoding": "identity", "Connection": "close"}
        if body is not None or method in _WITH_BODY:
            fields["Content-Length"] = str(len(body or b""))
        if self._proxy is not None and parts.scheme == "http":
            # https://www.rfc-editor.org/rfc/rfc9112#name-absolute-form
            target = f"http://{parts.netloc}{target}"
            fields |= self._proxy.headers
        try:
            return request_head(method, target, {**fields, **headers}) + (body or b"")
        except UnsendableError as error:
            message = f"the request can't be sent: {error}"
            raise FaultError(Fault(FaultKind.BAD_REQUEST, message)) from None

    def _connect(self) -> socket.socket:
        timeout = min(CONNECT_TIMEOUT, self._seconds)
        try:
            return self._open(timeout)
        except ssl.SSLEOFError:
            raise self._unreachable("it ended the connection before TLS was set up") from None
        except ssl.SSLError as error:
            message = f"no TLS with Vault at {self.address}: {describe(error)}"
            raise FaultError(Fault(FaultKind.TLS, message)) from None
        except TimeoutError:
            raise self._unreachable(f"no connection within {timeout:g} s") from None
        except socket.gaierror as error:
            raise self._unreachable(f"its name is not known ({error.strerror})") from None
        except OSError as error:
            raise self._unreachable((error.strerror or type(error).__name__).lower()) from None
        except UnicodeError:
            reason = "its name, or vault.tls_server_name, is no host name"
            raise self._unreachable(reason) from None
        finally:
            if self._cut:  # whatever that looked like
                within = _GIVEN_UP if self._given_up else f"within {self._seconds:g} s"
                reason = f"no connection {within}"
                raise self._unreachable(reason) from None

    def _open(self, timeout: float) -> socket.socket:
        """Connect, with the socket in place for `cut` as soon as there is one."""
        parts = urlsplit(self.address)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        context = self._trust.context if parts.scheme == "https" else None
        name = self._trust.server_name or host
        name.encode("idna")  # raises UnicodeError, as ssl would: but that leaves the socket open
        place = (self._proxy.host, self._proxy.port) if self._proxy else (host, port)
        self._go_on()
        self._socket = sock = socket.create_connection(place, timeout)
        self._go_on()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return sock
        if self._proxy is not None:
            self._proxy.open_tunnel(sock, host, port)
        self._socket = wrapped = context.wrap_socket(
            sock, server_hostname=name, do_handshake_on_connect=False
        )
        self._go_on()
        wrapped.do_handshake()
        return wrapped

    def _go_on(self) -> None:
        """Raise TimeoutError for a cut that found no socket, or one that is another now."""
        if self._cut:
            raise TimeoutError

    def _exchange(self, sock: socket.socket, request: bytes) -> Answered:
        sock.settimeout(self._seconds)  # no longer the one for connecting
        try:
            sock.sendall(request)
            return self._read(sock)
        except ssl.SSLError as error:
            raise self._tls_broke(error) from None
        except OSError as error:
            raise self._unanswered(error) from None
        except BadAnswerError:
            if self._cut:
                raise self._unanswered(None) from None
            raise FaultError(not_vault("not in HTTP")) from None

    def _read(self, sock: socket.socket) -> Answered:
        parser = AnswerParser(to_head=False)
        content = bytearray()
        try:
            while (head := parser.head) is None or not parser.is_complete:
                if received := sock.recv(_PORTION):
                    parser.feed(received)
                else:
                    self._end(parser)
                content += parser.take_body()
                if len(content) > LARGEST_ANSWER:
                    raise FaultError(not_vault("with more than 1 MiB"))
        finally:
            parser.close()
        return Answered(
            status=head.status,
            content_type=first(head.headers, b"content-type").decode("latin-1"),
            location=first(head.headers, b"location").decode("latin-1"),
            retry_after=first(head.headers, b"retry-after").decode("latin-1"),
            content=bytes(content),
        )

    def _end(self, parser: AnswerParser) -> None:
        """Take the end of the connection, which may be that of the answer."""
        try:
            parser.end()
        except BadAnswerError:
            raise self._unanswered(None) from None
        if self._cut:  # the end is ours
            raise self._unanswered(None)

    def _unreachable(self, reason: str) -> FaultError:
        through = f" through the proxy {self._proxy}" if self._proxy else ""
        message = f"Vault at {self.address} can't be reached{through}: {reason}"
        return FaultError(Fault(FaultKind.UNREACHABLE, message))

    def _unanswered(self, error: Exception | None) -> FaultError:
        if self._cut or isinstance(error, TimeoutError):
            within = _GIVEN_UP if self._given_up else f"within {self._seconds:g} s"
            reason = f"gave no answer {within}"
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
