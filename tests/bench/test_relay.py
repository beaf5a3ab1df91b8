"""From which of Vault's answers a delivery is measured."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from bench.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

MINT = ("GET", "/v1/openai/creds/billing")
OTHERS = (
    ("PUT", "/v1/sys/leases/revoke"),
    ("POST", "/v1/sys/leases/revoke/openai/creds/billing/1"),
    ("GET", "/v1/sys/health"),
)


class _Vault(BaseHTTPRequestHandler):
    """Answers everything, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_PUT(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def relay() -> Iterator[Relay]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Vault)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with Relay(f"http://127.0.0.1:{server.server_port}") as relay:
        yield relay
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connections(relay: Relay) -> Iterator[list[HTTPConnection]]:
    """Return two of the agent's connections."""
    both = [HTTPConnection(relay.address.removeprefix("http://")) for _ in range(2)]
    yield both
    for connection in both:
        connection.close()


def ask(connection: HTTPConnection, method: str, path: str) -> float:
    """Ask; return when the answer was there."""
    connection.request(method, path, body=None if method == "GET" else b"{}")
    connection.getresponse().read()
    return time.time()


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("same", [True, False])
def test_answers_in_between_do_not_count(
    relay: Relay, connections: list[HTTPConnection], other: tuple[str, str], *, same: bool
) -> None:
    minting, second = connections
    asked = time.time()
    minted = ask(minting, *MINT)
    ask(minting if same else second, *other)
    assert asked < relay.answered_before(time.time()) <= minted


def test_each_mint_counts(relay: Relay, connections: list[HTTPConnection]) -> None:
    minting, _ = connections
    with pytest.raises(ValueError, match="empty"):
        relay.answered_before(ask(minting, *OTHERS[0]))
    first = ask(minting, *MINT)
    ask(minting, *OTHERS[0])
    second = ask(minting, *MINT)
    assert relay.answered_before(first) <= first < relay.answered_before(second) <= second
