"""A running server for tests, and clients that speak to it byte by byte."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.endpoint import http
from freshkey.serve.gateway import Gateway
from freshkey.serve.notices import Notices
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.runs import Runs
from freshkey.sockets.listener import Listener, listen
from freshkey.sockets.rules import Rule
from freshkey.sockets.server import Limits, ServerStop, serve
from trio.testing import wait_all_tasks_blocked

if TYPE_CHECKING:
    from collections.abc import Collection

    from freshkey.serve.connection import Answer

KEY = "sk-svcacct-made-up"
PUBLICATION = Publication(7, Secret(KEY), 1000.0, "key_abc")
TAG = PUBLICATION.tag
FRESH = KeyView("billing", KeyStatus.FRESH, PUBLICATION)


class StoppedClock:
    """At lease time 400, which is 2030-01-01, 00:00:00Z."""

    def expires_in(self, expires_at: float) -> int:
        return int(expires_at // 1) - 400

    def not_after(self, expires_at: float) -> str:
        return f"2030-01-01T00:{int(expires_at - 400) // 60:02}:00Z"


@dataclass
class Reads:
    """What the audit record was told, and how many events were written at a time."""

    events: list[dict[str, object]] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)

    def part(self, **fields: object) -> bytes:
        return json.dumps(fields)[1:-1].encode()

    def read(self, event: str, *parts: bytes) -> None:
        self.events.append({"event": event, **json.loads(b"{%b}" % b", ".join(parts))})

    def flush(self) -> None:
        self.commits.append(len(self.events) - sum(self.commits))

    @property
    def outcomes(self) -> list[object]:
        return [event["outcome"] for event in self.events]


@dataclass
class FakeControl:
    """What the agent was asked for."""

    asked: list[tuple[object, ...]] = field(default_factory=list)

    def report(self, name: str, tag: str) -> None:
        self.asked.append(("report", name, tag))

    def rotate(self, name: str, *, compromised: bool, now: bool) -> None:
        self.asked.append(("rotate", name, compromised, now))

    def status(self, names: Collection[str]) -> dict[str, object]:
        return {"version": "1.2.3", "pid": 5, "keys": sorted(names)}

    def metrics(self) -> bytes:
        return b"metrics\n"


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - it is whatever the server sent
        return json.loads(self.body)

    @property
    def code(self) -> object:
        return self.json["code"]


class Client:
    """One connection. What it reads is parsed as strictly as the server should write it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(0)
        self._unread = b""

    def send(self, data: bytes) -> None:
        """Send all at once; BlockingIOError when it doesn't fit, BrokenPipeError at the end."""
        assert self.socket.send(data) == len(data)

    async def send_until_stuck(self) -> None:
        """Pipeline requests and read no answer, until the server takes no more."""
        request = get("/v1/keys/billing")
        taken = True
        while taken:
            taken = False
            with suppress(BlockingIOError):
                while self.socket.send(request) == len(request):
                    taken = True
            await wait_all_tasks_blocked()

    async def head(self) -> Reply:
        """Read an answer as far as its body, which may have no end."""
        return await self.reply(body=False)

    def take(self) -> bytes:
        """Return what has arrived, and do not return it again."""
        self.unread()
        data, self._unread = self._unread, b""
        return data

    async def reply(self, *, body: bool = True) -> Reply:
        while b"\r\n\r\n" not in self._unread:
            await self._read_more()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        version, status, _phrase = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        length = int(headers.get("Content-Length", "0")) if body else 0
        while len(self._unread) < length:
            await self._read_more()
        content, self._unread = self._unread[:length], self._unread[length:]
        return Reply(int(status), headers, content)

    async def ask(self, request: bytes) -> Reply:
        self.send(request)
        return await self.reply()

    async def at_end(self) -> bool:
        """Wait for more; True when the server sent nothing more and closed."""
        return not self._unread and not await self.read()

    async def read(self) -> bytes:
        """Wait for what comes next; nothing at the end."""
        await trio.lowlevel.wait_readable(self.socket)
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:  # closed by the server with something of ours unread
            return b""

    def unread(self) -> bytes:
        """Return what has arrived and was not asked for yet."""
        with suppress(BlockingIOError):
            self._unread += self.socket.recv(65536)
        return self._unread

    async def _read_more(self) -> None:
        data = await self.read()
        assert data, f"the connection ended after {self._unread!r}"
        self._unread += data

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def routes_of(  # noqa: PLR0913 - what the agent puts together
    published_keys: PublishedKeys,
    access: Access,
    reads: Reads,
    control: FakeControl,
    readers: Readers,
    *,
    gateway: Gateway | None = None,
) -> Routes:
    """Put routes together as the agent does."""
    audit = RequestAudit(reads)
    reading = Reading(published_keys, access, StoppedClock(), audit, readers)
    notices = Notices(published_keys, access, control, audit)
    return Routes(published_keys, reading, notices, control, Runs(gateway, published_keys, audit))


@dataclass
class Site:
    """A server with the one key `billing`, in the test's own event loop."""

    nursery: trio.Nursery
    path: Path
    published_keys: PublishedKeys = field(default_factory=lambda: PublishedKeys(["billing"]))
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    reads: Reads = field(default_factory=Reads)
    control: FakeControl = field(default_factory=FakeControl)
    gateway: Gateway | None = None
    stop: ServerStop = field(default_factory=ServerStop)
    ended: trio.Event = field(default_factory=trio.Event)

    async def start(
        self,
        limits: Limits | None = None,
        *,
        grace: float = 5.0,
        answer: Answer | None = None,
    ) -> None:
        self.published_keys.show(FRESH)
        access = Access(self.rules, os.geteuid())
        routes = routes_of(
            self.published_keys,
            access,
            self.reads,
            self.control,
            Readers(lambda: 400.0),
            gateway=self.gateway,
        )
        listener = listen(self.path, mode=0o600)
        await self.nursery.start(
            partial(self._run, listener, answer or routes.answer, limits or Limits(grace=grace))
        )

    async def _run(
        self,
        listener: Listener,
        answer: Answer,
        limits: Limits,
        task_status: trio.TaskStatus[None],
    ) -> None:
        async def close_listener() -> None:
            await self.stop.released.wait()
            listener.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(close_listener)
            with listener:
                await serve(
                    [http(listener, answer)],
                    limits,
                    commit=lambda: self.commit(),  # noqa: PLW0108 - tests replace it while it runs
                    stop=self.stop,
                    task_status=task_status,
                )
        self.ended.set()

    def commit(self) -> None:
        """What the server calls before its answers leave."""
        self.reads.flush()

    async def serves_others(self) -> bool:
        with self.connect() as client:
            return (await client.ask(get("/v1/keys/billing"))).status == 200

    def connect(self) -> Client:
        return Client(self.path)
