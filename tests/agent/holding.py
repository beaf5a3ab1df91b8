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


class Holding(ThreadingHTTPServer):
    """Passes requests on; the answer to one whose path ends with `held` waits for `release`."""

    daemon_threads = True

    def __init__(self, vault: str, held: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vault = vault.removeprefix("http://")
        self.held = held
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.holds = threading.Event()
        self.release = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Holding

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        vault = HTTPConnection(self.server.vault, timeout=_PATIENCE)
        vault.request(self.command, self.path, body, dict(self.headers))
        answer = vault.getresponse()
        content = answer.read()
        vault.close()
        if self.path.endswith(self.server.held):
            self.server.holds.set()
            self.server.release.wait(_PATIENCE)
        with suppress(OSError):  # nobody waits for it any more
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = _pass_on  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def holding(vault: str, held: str) -> Iterator[Holding]:
    """Run the proxy within."""
    with Holding(vault, held) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release.set()
            proxy.shutdown()
            thread.join()
