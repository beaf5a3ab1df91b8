"""Vault behind a proxy that holds one answer back."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 20.0


class HoldingProxy(ThreadingHTTPServer):
    """Passes requests on; the answer to one whose path ends with `held` waits for `release`."""

    daemon_threads = True

    def __init__(self, vault: str, held: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vault = vault.removeprefix("http://")
        self.held_path = held
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.is_holding = threading.Event()
        self.release = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: HoldingProxy

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        vault = HTTPConnection(self.server.vault, timeout=_PATIENCE)
        vault.request(self.command, self.path, body, dict(self.headers))
        answer = vault.getresponse()
        content = answer.read()
        vault.close()
        if self.path.endswith(self.server.held_path):
            self.server.is_holding.set()
            self.server.release.wait(_PATIENCE)
        with suppress(OSError):  # nobody waits for it any more
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = _forward  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def holding_proxy(vault: str, held: str) -> Iterator[HoldingProxy]:
    """Run the proxy within."""
    with HoldingProxy(vault, held) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release.set()
            proxy.shutdown()
            thread.join()
