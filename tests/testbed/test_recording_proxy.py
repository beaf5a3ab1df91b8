from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from testbed.recording_proxy import CannedResponse, LoadBalancer, RecordingProxy, health

if TYPE_CHECKING:
    from collections.abc import Iterator


class Node(BaseHTTPRequestHandler):
    """Answers with its port, and with `status`, which stands for its role in the cluster."""

    def do_GET(self) -> None:
        body = str(self.server.server_port).encode()  # type: ignore[attr-defined]  # http.server's
        self.send_response(self.server.status)  # type: ignore[attr-defined]  # http.server's
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def node(status: int = 200) -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Node) as server:
        server.status = status  # type: ignore[attr-defined]  # http.server's
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(proxy: RecordingProxy, path: str = "/v1/x") -> tuple[int, str]:
    connection = http.client.HTTPConnection(proxy.listen, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_requests_are_passed_on_and_recorded() -> None:
    with node(429) as server, RecordingProxy(lambda: server.server_port) as proxy:
        assert get(proxy) == (429, str(server.server_port))
    (request,) = proxy.requests_since(0, "/v1/x")
    assert (request.method, request.status, request.retry_after) == ("GET", 429, 7)
    assert not proxy.requests_since(0, "/v1/y")


def test_every_request_of_a_kept_connection_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "protocol_version", "HTTP/1.1")
    with node() as server, RecordingProxy(lambda: server.server_port) as proxy:
        connection = http.client.HTTPConnection(proxy.listen, timeout=5)
        for path in ("/v1/a", "/v1/b", "/v1/c"):
            connection.request("GET", path)
            assert connection.getresponse().read()
        connection.sock.sendall(b"GET /v1/i")
        time.sleep(0.05)  # so that it comes in pieces
        connection.sock.sendall(b"n-pieces HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.sock.recv(1000)
        connection.close()
    found = [(request.method, request.path, request.status) for request in proxy.requests]
    paths = ("/v1/a", "/v1/b", "/v1/c", "/v1/in-pieces")
    assert found == [("GET", path, 200) for path in paths]


def test_a_closed_proxy_refuses_and_may_be_opened_again() -> None:
    with node() as server, RecordingProxy(lambda: server.server_port) as proxy:
        proxy.close()
        with pytest.raises(ConnectionRefusedError):
            get(proxy)
        proxy.open()
        assert get(proxy)[0] == 200


def test_a_proxy_without_a_target_ends_the_connection() -> None:
    with (
        RecordingProxy(lambda: None) as proxy,
        pytest.raises((ConnectionError, http.client.HTTPException)),
    ):
        get(proxy)


def test_an_answer_in_place_of_vaults() -> None:
    with node() as server, RecordingProxy(lambda: server.server_port) as proxy:
        proxy.canned_response = CannedResponse(
            "412 Behind", "text/plain", b"no", path="/v1/x", once=True
        )
        assert get(proxy, "/v1/y")[0] == 200
        assert get(proxy) == (412, "no")
        assert get(proxy)[0] == 200


def test_a_load_balancer_follows_the_active_node() -> None:
    with node(429) as one, node() as other:
        ports = [one.server_port, other.server_port]
        with LoadBalancer(ports) as balancer:
            wait_until(lambda: balancer.target == other.server_port, "the active node is found")
            assert get(balancer) == (200, str(other.server_port))
            one.status, other.status = 200, 503  # type: ignore[attr-defined]  # http.server's
            wait_until(lambda: balancer.target == one.server_port, "the next one is found")


def test_the_health_of_a_node_that_is_away() -> None:
    with node() as server:
        assert health(server.server_port) == 200
    assert health(server.server_port) is None
