"""toxiproxy: TCP proxies that delay, cut, or hold back what passes through them.

https://github.com/Shopify/toxiproxy#http-api
"""

import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from testbed.binaries import TOXIPROXY, binary
from testbed.process import ReservedPort, ServerProcess, StartError

START_TIMEOUT = 10
Stream = Literal["upstream", "downstream"]
"""upstream: what the client sends; downstream: what the server answers."""


class ToxiproxyServer:
    """The server on a free port. `with ToxiproxyServer() as toxiproxy:` starts and stops."""

    def __init__(self) -> None:
        self._port = ReservedPort()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start and wait until it answers; StartError when it doesn't."""
        self._directory = tempfile.TemporaryDirectory(prefix="freshkey-toxiproxy-")
        self._process = ServerProcess(
            [binary(TOXIPROXY), "-host", "127.0.0.1", "-port", str(self._port.number)],
            log=Path(self._directory.name) / "toxiproxy.log",
            environment={"PATH": os.defpath, "LOG_LEVEL": "warn"},
        )
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                self.request("GET", "version")
            except OSError:
                if not self._process.running or time.monotonic() > deadline:
                    output = self._process.tail()
                    self.stop()
                    raise StartError(f"toxiproxy did not start: {output}") from None
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """End it, and with it all proxies. May be called twice."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        self._port.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Return the decoded answer, None for an empty one; OSError when it fails."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port.number}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        # Proxies of the environment are not for servers on the loopback interface.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def proxy(self, name: str, upstream: str) -> "Proxy":
        """Add a proxy to `upstream` (HOST:PORT) on a free port; names are unique."""
        made = self.request(
            "POST", "proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": upstream}
        )
        return Proxy(self, name, made["listen"])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Proxy:
    """One proxy; `listen` is the HOST:PORT that clients use."""

    server: ToxiproxyServer
    name: str
    listen: str

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._update(enabled=False)

    def restore(self) -> None:
        """Accept connections again, on the same port."""
        self._update(enabled=True)

    def _update(self, *, enabled: bool) -> None:
        # The address goes along, or the server would take a new port.
        body = {"enabled": enabled, "listen": self.listen}
        self.server.request("POST", f"proxies/{self.name}", body)

    def remove(self) -> None:
        """End this proxy and its connections."""
        self.server.request("DELETE", f"proxies/{self.name}")

    @contextmanager
    def toxic(
        self, kind: str, *, stream: Stream = "downstream", **attributes: float
    ) -> Iterator[None]:
        """Apply a toxic within the block, e.g. "latency" with latency and jitter in ms.

        https://github.com/Shopify/toxiproxy#toxics
        """
        toxic = {"name": kind, "type": kind, "stream": stream, "attributes": attributes}
        self.server.request("POST", f"proxies/{self.name}/toxics", toxic)
        try:
            yield
        finally:
            self.server.request("DELETE", f"proxies/{self.name}/toxics/{kind}")
