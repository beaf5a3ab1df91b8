"""Whether OpenAI takes a key: `GET /models`, which costs nothing.

Source: https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

import re
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import trio

from freshkey.core.model.verdict import Finding, Verdict
from freshkey.host.proxies import ProxyError
from freshkey.openai.http import KeptClient, decoded, is_cleartext, reason, send

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret

TIMEOUT: Final = 10.0
_CODE: Final = r"[a-z0-9_]{1,64}"


class Probe:
    """Tests keys at the API below `base_url`; to be closed with `aclose`."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url.rstrip('/')}/models"
        self._client = KeptClient(self._url)

    async def prepare(self) -> None:
        """Do ahead what the first test would have to wait for."""
        with suppress(ProxyError):  # the test will say so
            await self._client.get()

    async def test(self, secret: Secret) -> Finding:
        """Ask about a key, for 10 s at most. What can't be told is a finding too: nothing raises.

        No header names an organization or project, so that the key alone is judged.
        """
        key = secret.reveal()
        if not key.isascii() or not key.isprintable() or " " in key:
            # httpx would quote the header in its exception.
            return Finding(Verdict.UNKNOWN, "the key holds characters that no header can carry")
        if is_cleartext(self._url):
            return Finding(Verdict.UNKNOWN, "not sent over plain http, but to loopback")
        try:
            client = await self._client.get()
        except ProxyError as error:
            return Finding(Verdict.UNKNOWN, str(error))
        import httpx  # noqa: PLC0415 - keys from the journal are served before it is imported

        try:
            headers = {"Authorization": f"Bearer {key}"}
            request = client.build_request("GET", self._url, headers=headers)
            answered = await send(client, request, TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Finding(Verdict.UNKNOWN, f"no answer: {reason(error)}")
        if answered is None:
            return Finding(Verdict.UNKNOWN, f"no answer within {TIMEOUT:g} s")
        return judge(*answered)

    async def reach(self) -> int | str:
        """Return the status of what answers there, asked without a key, or why nothing does."""
        try:
            client = await self._client.get()
        except ProxyError as error:
            return str(error)
        import httpx  # noqa: PLC0415 - keys of the journal are served before

        try:
            with trio.move_on_after(TIMEOUT):
                async with client.stream("GET", self._url) as response:
                    return response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return reason(error)
        return f"no answer within {TIMEOUT:g} s"

    async def aclose(self) -> None:
        """Close the connection that is kept between tests."""
        await self._client.aclose()


def judge(status: int, content: bytes) -> Finding:
    """Read a verdict from an answer. Pure."""
    body = decoded(content)
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
