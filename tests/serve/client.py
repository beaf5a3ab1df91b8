"""A client that speaks to the server byte by byte."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import trio
from trio.testing import wait_all_tasks_blocked

if TYPE_CHECKING:
    from pathlib import Path


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
