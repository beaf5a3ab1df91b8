"""A connection to Vault with TLS, through a proxy where one is set."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freshkey.host.proxies import Proxy
    from freshkey.vault.transport.tls import Trust


class TLSConnection(http.client.HTTPConnection):
    """As HTTPSConnection, but the certificate's name may be another than the host's."""

    default_port = http.client.HTTPS_PORT

    def __init__(
        self, host: str, port: int, timeout: float, trust: Trust, proxy: Proxy | None
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._trust = trust
        self._proxy = proxy

    def connect(self) -> None:
        """Connect and shake hands, with the socket in place for `Connection.cut`."""
        context = self._trust.context
        if self._proxy is None:
            super().connect()
        else:
            place = (self._proxy.host, self._proxy.port)
            self.sock = socket.create_connection(place, self.timeout)
            self._proxy.open_tunnel(self.sock, self.host, self.port)
        name = self._trust.server_name or self.host
        self.sock = context.wrap_socket(
            self.sock, server_hostname=name, do_handshake_on_connect=False
        )
        self.sock.do_handshake()
