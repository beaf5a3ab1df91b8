"""A reader's own HTTP, over the agent's real socket."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)")


async def ask(
    path: Path, method: str, target: str, body: dict[str, object] | None = None
) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of an answer; raises OSError when nobody answers."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    received = b""
    async with await trio.open_unix_socket(str(path)) as stream:
        try:
            await stream.send_all(head.encode() + b"\r\n" + content)
            async for chunk in stream:
                received += chunk
        except trio.BrokenResourceError:
            raise ConnectionResetError from None
    first, _, rest = received.partition(b"\r\n\r\n")
    if not rest:
        raise ConnectionResetError
    return _parsed(first, rest)


async def read_credential(path: Path) -> str:
    """Return what a credential socket writes; raises OSError when nobody listens."""
    received = b""
    async with await trio.open_unix_socket(str(path)) as stream:
        try:
            async for chunk in stream:
                received += chunk
        except trio.BrokenResourceError:
            raise ConnectionResetError from None
    return received.decode()


async def ask_on(
    stream: trio.SocketStream, target: str, tag: str | None
) -> tuple[int, dict[str, Any]]:
    """Do the same on a connection that is kept; `tag` is the one of a key that the reader has."""
    held = "" if tag is None else f'If-None-Match: "{tag}"\r\n'
    received = b""
    try:
        await stream.send_all(f"GET {target} HTTP/1.1\r\nHost: x\r\n{held}\r\n".encode())
        while not _is_whole(received):
            chunk = await stream.receive_some()
            if not chunk:
                raise ConnectionResetError
            received += chunk
    except trio.BrokenResourceError:
        raise ConnectionResetError from None
    first, _, rest = received.partition(b"\r\n\r\n")
    return _parsed(first, rest or b"{}")


def _is_whole(received: bytes) -> bool:
    head, end, rest = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(end) and len(rest) == (int(length[1]) if length else 0)


def _parsed(head: bytes, content: bytes) -> tuple[int, dict[str, Any]]:
    decoded = json.loads(content)
    return int(head.split()[1]), decoded if isinstance(decoded, dict) else {}
