"""A reader's own HTTP, over the agent's real socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from pathlib import Path


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
    decoded = json.loads(rest)
    return int(first.split()[1]), decoded if isinstance(decoded, dict) else {}
