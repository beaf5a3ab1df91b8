"""HTTP to OpenAI, which is sent credentials: to nobody else, and not in the clear.

httpx is imported when something is asked: keys from the journal are served before.
"""

from __future__ import annotations

import json
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import urlsplit

import trio

from freshkey.core.model.text import one_line
from freshkey.host.http_client import make_client
from freshkey.logs.redact import redact_text

if TYPE_CHECKING:
    import httpx

LARGEST_ANSWER: Final = 1 << 20


@final
class KeptClient:
    """A client for a URL, made when it is first asked for; to be closed with `aclose`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = trio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def get(self) -> httpx.AsyncClient:
        """Return it; raises ProxyError."""
        async with self._opening:
            if self._client is None:
                # httpx is slow to import, the system's certificates are slow to load.
                # A proxy would carry plain http off the host.
                make = partial(make_client, self._url, proxied=self._url.startswith("https:"))
                self._client = await trio.to_thread.run_sync(make)
        return self._client

    async def aclose(self) -> None:
        """Close the connection that is kept."""
        if self._client is not None:
            await self._client.aclose()


async def send(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float
) -> tuple[int, bytes] | None:
    """Return status and content, of which what is too much is left out; None: no answer in time.

    Raises httpx.HTTPError, httpx.InvalidURL, and OSError.
    """
    status, content = 0, b""
    with trio.move_on_after(seconds) as scope:
        response = await client.send(request, stream=True)
        try:
            status = response.status_code
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    scope.cancel()  # a break would leave httpx's generators open
        finally:
            await response.aclose()
    complete = not scope.cancelled_caught or len(content) > LARGEST_ANSWER
    return (status, content) if complete else None


def decoded(content: bytes) -> dict[str, Any]:
    """Return the JSON object that an answer holds, else an empty one."""
    try:
        body = json.loads(content) if len(content) <= LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def is_cleartext(url: str) -> bool:
    """Whether a URL is plain http to another host."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def reason(error: Exception) -> str:
    """Name an exception of httpx, with its words or else those of what caused it.

    They may quote what was received, in which a server may repeat what it was sent.
    """
    cause: BaseException | None = error
    while cause is not None:
        if text := one_line(redact_text(" ".join(str(cause).split()))):
            return f"{type(error).__name__}: {text[:200]}"
        cause = cause.__cause__ or cause.__context__  # httpcore sets the latter alone
    return type(error).__name__
