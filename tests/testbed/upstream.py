"""An upstream that records what the engine sends; it shows what the emulator does not."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROJECT = {"id": "proj_1", "name": "one", "status": "active"}
ACCOUNT = {"id": "svc_1", "name": "n", "api_key": {"id": "key_1", "value": "sk-svcacct-1"}}
ADMIN_KEY = {"id": "key_new", "value": "sk-admin-new"}


@dataclass(frozen=True)
class Request:
    line: str
    headers: dict[str, str]
    body: object


class Upstream(ThreadingHTTPServer):
    """Answers every call of the engine; keeps the requests in order.

    With `answers_mints` off it makes the account and then answers nothing; `hung_up` is set when
    the engine has closed that connection. `failures` counts admin keys yet to be refused.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.requests: list[Request] = []
        self.minted: queue.Queue[str] = queue.Queue()
        self.answers_mints = True
        self.hung_up = threading.Event()
        self.failures = 0


class Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        line = f"{self.command} {self.path.removeprefix('/v1/organization/')}"
        self.server.requests.append(Request(line, dict(self.headers), body))
        match self.command, line:
            case "POST", "POST admin_api_keys" if self.server.failures:
                self.server.failures -= 1
                self.answer({"error": {"message": "no", "type": "server_error"}}, 500)
            case "POST", "POST admin_api_keys":
                self.answer(ADMIN_KEY)
            case "POST", _:
                self.server.minted.put("svc_1")
                if self.server.answers_mints:
                    self.answer(ACCOUNT)
                else:
                    self.connection.settimeout(20)
                    if self.connection.recv(1) == b"":
                        self.server.hung_up.set()
                    self.close_connection = True
            case _:
                self.answer(PROJECT)

    do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 - the names are http.server's

    def answer(self, body: object, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
