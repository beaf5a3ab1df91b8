"""Which TCP connections are open, so that one can be closed without an answer."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connections:
    """The open connections by their client's address."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def abort_connection(self, client: tuple[str, int]) -> None:
        """Close the connection from this client at once, sending nothing more."""
        host, port = client  # ASGI allows a list, too
        self._transports[host, port].abort()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's HTTP protocol, which also keeps this record."""
        transports = self._transports

        class Recorded(HttpToolsProtocol):
            def connection_made(  # type: ignore[override]  # as uvicorn's own
                self, transport: asyncio.Transport
            ) -> None:
                transports[transport.get_extra_info("peername")] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self.transport.get_extra_info("peername"), None)
                super().connection_lost(exc)

        return Recorded
