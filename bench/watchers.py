"""A crowd that watches one key: how soon all have the next one, and what a watcher costs.

The crowd is one process of Python on a processor of its own. It only reads and looks at the clock,
which takes it a tenth of the time that the agent needs to send.
"""

from __future__ import annotations

import json
import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from bench.answer import TARGET, Answer, ask
from bench.program import Program, pinned
from bench.report import Goal, spread, table

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.program import Command

COUNT: Final = 1000
LATEST: Final = 250.0  # milliseconds from a publish until the last of them has the key
LARGEST: Final = 12.0  # KiB for each
WAYS: Final = ("events", "wait")
PATIENCE: Final = 30.0  # seconds
_SETTLED: Final = 1.0  # seconds until the agent has done what connections cost once
ROTATE: Final = (
    f"POST {TARGET}/rotate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode()
)


def _ask(target: str, tag: str = "") -> bytes:
    condition = f'If-None-Match: "{tag}"\r\n' if tag else ""
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{condition}\r\n".encode()


@dataclass(frozen=True)
class Found:
    """What a crowd met: KiB for each, and for each rotation milliseconds until the last had it."""

    way: str
    memory: float
    last: list[float]


def measure(
    deployment: Deployment, programs: Path, cpus: tuple[int, int], rotations: int
) -> list[Found]:
    """Let a crowd of each kind watch an agent with its limits raised; each has a processor."""
    found = []
    limits = f"max_connections = {2 * COUNT}\nmax_connections_per_uid = {2 * COUNT}"
    for way in WAYS:
        directory = deployment.freshkey(way, '[log]\naudit_file = "audit"\n', server=limits)
        command: Command = [programs / "freshkey", "run", f"--config={directory / 'config.toml'}"]
        with Program(command, directory / "log", cpus[0]) as program:
            program.until(partial(ask, directory / "freshkey.sock"))
            with pinned(cpus[1]), Watchers(program, directory, way) as watchers:
                last = [watchers.rotate() for _ in range(rotations)]
                found.append(Found(way, watchers.memory, last))
    return found


def watchers_table(found: list[Found]) -> str:
    """Return a table, a line for each kind."""
    head = [f"{COUNT:,} watchers", "memory for each", "publish until the last has the key"]
    rows = [[f"`{f.way}`", f"{f.memory:.1f} KiB", f"{spread(f.last)} ms"] for f in found]
    return table(head, rows)


def watchers_goals(found: list[Found]) -> list[Goal]:
    """Return what has to hold for each kind."""
    return [
        goal
        for f in found
        for goal in (
            Goal(f"`{f.way}`: ms until the last of {COUNT:,} has a key", f.last, at_most=LATEST),
            Goal(f"`{f.way}`: KiB for a watcher", [f.memory], at_most=LARGEST),
        )
    ]


class Watchers:
    """A context manager: connections that wait for each new key, by events or by `?wait=`."""

    def __init__(self, program: Program, directory: Path, way: str) -> None:
        self._program = program
        self._path = directory / "freshkey.sock"
        self._audit = directory / "audit"
        self._events = way == "events"
        self.memory = 0.0
        """KiB for each, once all are there."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._epoll = stack.enter_context(select.epoll())
            before = self._program.memory()
            self._sockets = [self._connect(stack) for _ in range(COUNT)]
            self._by_descriptor = {sock.fileno(): sock for sock in self._sockets}
            if self._events:
                self._send(_ask(f"{TARGET}/events"))
                self._receive()
            else:
                self._wait_again()
            time.sleep(_SETTLED)
            self.memory = (self._program.memory() - before) / COUNT
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def rotate(self) -> float:
        """Have the key replaced; return milliseconds from its publish until the last has it."""
        generation = self._generation() + 1
        arrived = self.arrival()
        published = self._published_at(generation)
        if not self._events:
            self._wait_again()
        return (arrived - published) * 1e3

    def arrival(self) -> float:
        """Have the key replaced; return the instant (Unix time) at which the last has it."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self._path))
            sock.sendall(ROTATE)
            return self._receive()

    def _connect(self, stack: ExitStack) -> socket.socket:
        sock = stack.enter_context(socket.socket(socket.AF_UNIX))
        sock.connect(str(self._path))
        self._epoll.register(sock, select.EPOLLIN)
        return sock

    def _wait_again(self) -> None:
        tag = json.loads(self._current().body)["tag"]
        self._send(_ask(f"{TARGET}?wait=5m", tag))

    def _send(self, request: bytes) -> None:
        for sock in self._sockets:
            sock.sendall(request)

    def _receive(self) -> float:
        """Wait for one whole answer or event on each connection; return when the last was there."""
        end = b"\n\n" if self._events else b"}"
        parts = dict.fromkeys(self._by_descriptor, b"")
        missing = len(parts)
        while missing:
            ready = self._epoll.poll(PATIENCE)
            if not ready:
                raise TimeoutError(f"{missing} watchers have no key yet")
            for descriptor, _ in ready:
                data = self._by_descriptor[descriptor].recv(65536)
                if not data:
                    raise ConnectionError("a watcher was dropped")
                parts[descriptor] += data
                if data.endswith(end) and b'"key"' in parts[descriptor]:
                    missing -= 1
        return time.time()

    def _current(self) -> Answer:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self._path))
            sock.sendall(_ask(TARGET))
            return Answer.read(sock.recv(65536))

    def _generation(self) -> int:
        return int(json.loads(self._current().body)["generation"])

    def _published_at(self, generation: int) -> float:
        """Return when the audit file says that it was."""
        for line in self._audit.read_bytes().splitlines():
            event = json.loads(line)
            if event["event"] == "key.published" and event["generation"] == generation:
                return datetime.fromisoformat(event["timestamp"]).timestamp()
        raise LookupError(f"generation {generation} is not in {self._audit}")
