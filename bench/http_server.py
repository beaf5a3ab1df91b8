"""Python's own `http.server` on a Unix socket: `python -m bench.http_server SOCKET ANSWER`.

It sends what the file ANSWER holds, to whatever it is asked.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Final

from bench.answer import Answer


class Server(ThreadingUnixStreamServer):
    """A thread for each connection, as in http.server's ThreadingHTTPServer."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until killed."""
    answer: Final = Answer.read(Path(sys.argv[2]).read_bytes())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response_only(200)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

    Server(sys.argv[1], Handler).serve_forever()


if __name__ == "__main__":
    main()
