"""HTTP to what vouches for this machine: metadata servers, and the clouds' own APIs.

httpx is imported when a login needs it, as the test of keys does; nothing is kept open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import Struct
from freshkey.host.http_client import make_client
from freshkey.host.proxies import ProxyError
from freshkey.settings.urls import is_loopback
from freshkey.vault.answers.quoting import quote

if TYPE_CHECKING:
    import httpx

LARGEST_ANSWER: Final = 256 * 1024
_XML_ERROR: Final = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>")


class Service(Struct, frozen=True):
    """Who is asked: `name` starts every line about it, `url` ends without a slash.

    One that is `near` belongs to this machine: no proxy stands before it, and it answers soon or
    is not there. `when_silent` says what to do then.
    """

    name: str
    url: str
    near: bool = True
    when_silent: str = "is this the right method for this machine?"

    @property
    def connecting(self) -> float:
        """Seconds for a connection."""
        return 2.0 if self.near else 5.0

    @property
    def answering(self) -> float:
        """Seconds for all of it."""
        return 5.0 if self.near else 10.0


class Reply(Struct, frozen=True):
    """What came back; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status})"  # its content may hold a credential

    @property
    def ok(self) -> bool:
        """Whether it is a 200."""
        return self.status == HTTPStatus.OK

    @property
    def text(self) -> str:
        """The content, without the white space around it."""
        return self.content.decode(errors="replace").strip()

    @property
    def table(self) -> Mapping[str, Any]:
        """The JSON object that it holds, else an empty one."""
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


async def ask(
    service: Service,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Reply:
    """Send one request, follow no redirect, and return the answer whatever its status.

    Raises FaultError when none came in time.
    """
    if not service.near and _is_cleartext(service.url):
        raise fault(service, "would be sent a credential in the clear: it has to be https")
    headers = dict(headers or {})
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        # httpx would quote the header in its exception.
        raise fault(service, "can't be asked: a credential for it holds more than ASCII")
    try:
        client = await trio.to_thread.run_sync(_client, service)
    except ProxyError as error:
        raise fault(service, f"can't be asked: {error}") from None
    import httpx  # noqa: PLC0415 - slow to import: _client did it, in a thread

    try:
        async with client:
            request = client.build_request(
                method, service.url + path, headers=headers, content=content
            )
            reply = await _exchange(client, request, service.answering)
    except httpx.ConnectTimeout:
        raise _unreachable(service, f"no connection within {service.connecting:g} s") from None
    except httpx.ConnectError as error:
        raise _unreachable(service, quote([str(error)]) or "no connection") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise _unreachable(service, type(error).__name__) from None
    if reply is None:
        raise _unreachable(service, f"no answer within {service.answering:g} s")
    if len(reply.content) > LARGEST_ANSWER:
        raise fault(service, "sends more than a credential")
    return reply


def refusal(service: Service, reply: Reply, to_do: str) -> FaultError:
    """Return the fault of an answer that is not what was asked for, with the service's words."""
    passing = reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus(500)
    error = quote(_error_texts(reply)) or "no reason given"
    kind = FaultKind.UPSTREAM if passing else FaultKind.BAD_REQUEST
    return FaultError(Fault(kind, f"{service.name} answers {reply.status}: {error}: {to_do}"))


def fault(service: Service, problem: str) -> FaultError:
    """Return a fault of this service that waiting alone does not mend."""
    return FaultError(Fault(FaultKind.BAD_REQUEST, f"{service.name} at {service.url} {problem}"))


def _is_cleartext(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _unreachable(service: Service, reason: str) -> FaultError:
    # Not `unreachable`, which says that Vault is away.
    message = f"{service.name} at {service.url} can't be reached: {reason}: {service.when_silent}"
    return FaultError(Fault(FaultKind.UPSTREAM, message))


def _error_texts(reply: Reply) -> list[str]:
    body = reply.table
    error = body.get("error")
    inner = error if isinstance(error, dict) else {}
    for message in (
        body.get("error_description"),
        inner.get("message"),
        body.get("message"),
        error,
    ):
        if isinstance(message, str):
            return [message]
    found = _XML_ERROR.search(reply.text)
    return [f"{found[1]}: {found[2]}"] if found else []


def _client(service: Service) -> httpx.AsyncClient:
    # A proxy before what is near would carry credentials off the host.
    return make_client(service.url, proxied=not service.near, connecting=service.connecting)


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, seconds: float
) -> Reply | None:
    """Return the answer, of which what is too much is left out; None: it did not come in time."""
    content = b""
    reply: Reply | None = None
    with trio.move_on_after(seconds) as scope:
        response = await client.send(request, stream=True)
        try:
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    scope.cancel()  # a break would leave httpx's generators open
        finally:
            await response.aclose()
        reply = Reply(response.status_code, dict(response.headers.items()), content)
    if reply is None and len(content) > LARGEST_ANSWER:
        return Reply(0, {}, content)
    return reply
