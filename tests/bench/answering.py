"""A server that answers every request on a Unix socket with the pieces that it was given."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import chain, repeat
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedIOBase
    from pathlib import Path

BODY = b'{"name": "billing", "key": "sk-not-to-be-shown"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
    BODY
)

LINES = {b"GET /v1/keys/billing HTTP/1.1\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n"}


def _request(file: BufferedIOBase) -> bool:
    """Read a request with its body; tell whether one came."""
    line = file.readline()
    assert line in {b"", *LINES}
    length = 0
    while line.strip():
        line = file.readline()
        if line.startswith(b"Content-Length: "):
            length = int(line.split()[1])
    file.read(length)
    return bool(line)


class Answering:
    """Counts requests; `delay` is in seconds.

    Each connection gets the answers in their order, and then the last one again and again; without
    any it waits in vain. An answer is a list of pieces; None for one ends the connection.
    """

    def __init__(self, path: Path, *answers: Sequence[bytes | None], delay: float = 0) -> None:
        self.path = path
        self.requests = 0
        self._ended = threading.Event()
        counting = threading.Lock()
        outer = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # the load may leave as soon as it has what it wants
                    for pieces in chain(answers, repeat(answers[-1] if answers else None)):
                        if not self._takes_request():
                            break
                        if pieces is None:
                            outer._ended.wait()
                        else:
                            self._answer(pieces)

            def _takes_request(self) -> bool:
                came = _request(self.rfile)
                with counting:
                    outer.requests += came
                return came

            def _answer(self, pieces: Sequence[bytes | None]) -> None:
                time.sleep(delay)
                for piece in pieces:
                    if piece is None:
                        self.connection.close()
                        raise ConnectionAbortedError
                    self.wfile.write(piece)

        class Server(ThreadingUnixStreamServer):
            request_queue_size = 64

        self._server = Server(str(path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
