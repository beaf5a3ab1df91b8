"""Whether OpenAI takes a key: `GET /models`, which costs nothing.

Source: https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

import json
import os
import re
import ssl
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from freshkey import __version__
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.host.imports import import_slim
from freshkey.host.proxies import ProxyError, httpx_proxy

if TYPE_CHECKING:
    import httpx

    from freshkey.core.model.secret import Secret

TIMEOUT: Final = 10.0
LARGEST_ANSWER: Final = 1 << 20
_CODE: Final = r"[a-z0-9_]{1,64}"


class Probe:
    """Tests keys at the API below `base_url`; to be closed with `aclose`."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url.rstrip('/')}/models"
        self._opening = trio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def prepare(self) -> None:
        """Do ahead what the first test would have to wait for."""
        with suppress(ProxyError):  # the test will say so
            await self._get_client()

    async def test(self, secret: Secret) -> Finding:
        """Ask about a key, for 10 s at most. What can't be told is a finding too: nothing raises.

        No header names an organization or project, so that the key alone is judged.
        """
        key = secret.reveal()
        if not key.isascii() or not key.isprintable() or " " in key:
            # httpx would quote the header in its exception.
            return Finding(Verdict.UNKNOWN, "the key holds characters that no header can carry")
        if _is_cleartext(self._url):
            return Finding(Verdict.UNKNOWN, "not sent over plain http, but to loopback")
        try:
            client = await self._get_client()
        except ProxyError as error:
            return Finding(Verdict.UNKNOWN, str(error))
        import httpx  # noqa: PLC0415 - keys from the journal are served before it is imported

        try:
            answered = await _get(client, self._url, key)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Finding(Verdict.UNKNOWN, f"no answer: {_reason(error)}")
        if answered is None:
            return Finding(Verdict.UNKNOWN, f"no answer within {TIMEOUT:g} s")
        return judge(*answered)

    async def reach(self) -> int | str:
        """Return the status of what answers there, asked without a key, or why nothing does."""
        try:
            client = await self._get_client()
        except ProxyError as error:
            return str(error)
        import httpx  # noqa: PLC0415 - keys of the journal are served before

        try:
            with trio.move_on_after(TIMEOUT):
                async with client.stream("GET", self._url) as response:
                    return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return _reason(error)
        return f"no answer within {TIMEOUT:g} s"

    async def aclose(self) -> None:
        """Close the connection that is kept between tests."""
        if self._client is not None:
            await self._client.aclose()

    async def _get_client(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # httpx is slow to import, the system's certificates are slow to load.
                self._client = await trio.to_thread.run_sync(_client, self._url)
        return self._client


def judge(status: int, content: bytes) -> Finding:
    """Read a verdict from an answer. Pure."""
    body = _decode(content)
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    match status:
        case HTTPStatus.OK if isinstance(body.get("data"), list):
            return Finding(Verdict.GOOD, "200, a list of models")
        case HTTPStatus.OK:
            return Finding(Verdict.UNKNOWN, "200, but no list of models: is this OpenAI?")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Finding(Verdict.GOOD, "429: the key is known, and at a limit")
        case HTTPStatus.FORBIDDEN if (
            code == "missing_scope" or b"missing scopes" in content.lower()
        ):
            return Finding(Verdict.GOOD, "403: the key is known, and may not list models")
        case HTTPStatus.UNAUTHORIZED if code == "invalid_api_key":
            return Finding(Verdict.REFUSED, "401 invalid_api_key")
        case _ if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return Finding(Verdict.UNKNOWN, f"{status}: a redirect, which is not followed")
        case _:
            named = isinstance(code, str) and re.fullmatch(_CODE, code)
            return Finding(Verdict.UNKNOWN, f"{status} {code}" if named else f"{status}")


def _client(url: str) -> httpx.AsyncClient:
    import_slim("httpcore", "httpx")
    import httpx  # noqa: PLC0415 - keys of the journal are served before

    plain = url.startswith("http:")
    trust_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        verify=trust_nobody if plain else ssl.create_default_context(),  # the system's trust
        proxy=None if plain else httpx_proxy(url, os.environ),  # it would carry it off the host
        trust_env=False,
        timeout=None,  # noqa: S113 - one for the whole, in `test`
        headers={"User-Agent": f"freshkey/{__version__}", "Accept-Encoding": "identity"},
    )


async def _get(client: httpx.AsyncClient, url: str, key: str) -> tuple[int, bytes] | None:
    """Return status and content, of which what is too much is left out; None: no answer in time."""
    headers = {"Authorization": f"Bearer {key}"}
    status, content = 0, b""
    with trio.move_on_after(TIMEOUT) as scope:
        async with client.stream("GET", url, headers=headers) as response:
            status = response.status_code
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    scope.cancel()  # a break would leave httpx's generators open
    complete = not scope.cancelled_caught or len(content) > LARGEST_ANSWER
    return (status, content) if complete else None


def _decode(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content) if len(content) <= LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _is_cleartext(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def _reason(error: Exception) -> str:
    """Name an exception of httpx, with its words or else those of what caused it."""
    cause: BaseException | None = error
    while cause is not None:
        if text := " ".join(str(cause).split()):
            return f"{type(error).__name__}: {text[:200]}"
        cause = cause.__cause__ or cause.__context__  # httpcore sets the latter alone
    return type(error).__name__
