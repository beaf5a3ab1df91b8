"""A scripted agent on a real Unix socket, and a clock that only moves when it is told to."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Self

KEY = "sk-svcacct-made-up-canary"
OLD, NEW = "7-aaaaaaaa", "8-bbbbbbbb"

Step = bytes | list[bytes]  # what is sent for one request; in pieces; none hangs up


def answer(status: int, content: object = None, *headers: str, body: bytes | None = None) -> bytes:
    if body is None:
        body = b"" if content is None else json.dumps(content).encode()
    length = [] if status == 304 else [f"Content-Length: {len(body)}"]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *length, *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def key(tag: str = OLD, *, secret: str = KEY, **more: object) -> bytes:
    content = {
        "name": "billing",
        "key": secret,
        "tag": tag,
        "generation": int(tag.partition("-")[0]),
        "not_after": "2030-01-01T00:10:00Z",
        "expires_in": 600,
        "stale": False,
        "api_key_id": "key_abc",
        **more,
    }
    return answer(200, content, "Content-Type: application/json", f'ETag: "{tag}"')


def problem(status: int, code: str, detail: str, **members: object) -> bytes:
    content = {"status": status, "code": code, "detail": detail, **members}
    return answer(status, content, "Content-Type: application/problem+json", "Retry-After: 1")


def status(**key_values: object) -> bytes:
    return answer(200, {**STATUS, "keys": [{**KEY_STATUS, **key_values}]})


UNCHANGED = answer(304)
NO_KEY = problem(503, "no_key", "billing is starting: Vault is sealed", fault="sealed")
UNKNOWN = problem(404, "unknown_key", "the configuration has no key of this name")
FAULT = {"operation": "mint", "fault": "upstream", "message": "slow down", "time": "T"}
KEY_STATUS = {
    "name": "billing",
    "tag": OLD,
    "generation": 7,
    "state": "fresh",
    "age": 65,
    "expires_in": 3600,
    "not_after": "2030-01-01T01:00:00Z",
    "stale": False,
    "api_key_id": "key_abc",
    "leases": 1,
    "pending_revocations": 0,
    "last_fault": None,
    "files": [],
    "readers": [],
}
STATUS = {
    "version": "1.2.3",
    "pid": 4711,
    "started": "2030-01-01T00:00:00Z",
    "vault": {"address": "https://vault.example:8200", "fault": None},
    "token": {"accessor": "acc", "expires_in": 86400},
    "keys": [KEY_STATUS],
}


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: str


@dataclass
class Agent:
    """Answers each request, on a connection of its own, with the next step of its script."""

    path: Path
    script: list[Step] = field(default_factory=list)
    requests: list[ReceivedRequest] = field(default_factory=list)
    on_request: Callable[[ReceivedRequest], None] = lambda _: None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, args=(self._listener,))
        self._thread.start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self._listener.close()
        self.path.unlink(missing_ok=True)
        if self._thread is not threading.current_thread():
            self._thread.join()

    @property
    def lines(self) -> list[str]:
        return [request.line for request in self.requests]

    @property
    def held_tags(self) -> list[str | None]:
        """The tag that each request said it holds."""
        return [request.headers.get("if-none-match") for request in self.requests]

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(ConnectionError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection.makefile("rb") as stream:
            line = stream.readline().decode().strip()
            headers = {}
            while header := stream.readline().decode().strip():
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            body = stream.read(int(headers.get("content-length", 0))).decode()
        request = ReceivedRequest(line, headers, body)
        self.requests.append(request)
        self.on_request(request)
        step = self.script.pop(0) if self.script else b""
        for piece in step if isinstance(step, list) else [step]:
            connection.sendall(piece)


class Clock:
    """Stands in for `time` in a module; `sleep` moves it, and starts what comes due."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._due: list[tuple[float, Callable[[], object]]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        while self._due and self._due[0][0] <= self.now:
            self._due.pop(0)[1]()

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        self._due.append((self.now + seconds, do))
