"""A server that answers as OSV does, about what it is told."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def osv(known: dict[str, dict[str, Any]], *, results: int | None = None) -> Iterator[str]:
    """Serve advisories by what they are about; give `results` answers if that is set.

    That is a purl, or a repository and tag, NAME@VERSION. OSV has no purls of GitHub's: an error.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            if any(query["package"].get("purl", "").startswith("pkg:github/") for query in asked):
                self.send_error(400)
                return
            found = [known.get(subject(query)) for query in asked][:results]
            self._answer(
                {"results": [{"vulns": [{"id": one["id"]}]} if one else {} for one in found]}
            )

        def do_GET(self) -> None:
            (found,) = (one for one in known.values() if self.path == f"/v1/vulns/{one['id']}")
            self._answer(found)

        def _answer(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def subject(query: dict[str, Any]) -> str:
    package = query["package"]
    if package.get("ecosystem") == "GIT":
        return f"{package['name']}@{query['version']}"
    return str(package["purl"])
