"""What heals a 401, for httpx and httpx2, whose requests and responses are alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from freshkey.client.errors import NoKeyError
from freshkey.client.steps import run, run_async
from freshkey.client.validation import checked_wait

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, MutableMapping

    from freshkey.client.keys import AsyncFileKey, AsyncSocketKey, FileKey, SocketKey
    from freshkey.client.steps import Steps

_REFUSED: Final = 401
_SCHEME: Final = "Bearer "


class RequestLike(Protocol):
    """What is used of a request."""

    @property
    def content(self) -> bytes:
        """The body; raises RuntimeError when it is not at hand."""

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Its headers."""


class ResponseLike(Protocol):
    """What is used of a response."""

    @property
    def status_code(self) -> int:
        """The status."""

    def read(self) -> bytes:
        """Read the body, of a client that is not async."""

    async def aread(self) -> bytes:
        """Read the body, of an async client."""


_Request = TypeVar("_Request", bound=RequestLike)
_Response = TypeVar("_Response", bound=ResponseLike)


class HealingFlows(Generic[_Request, _Response]):
    """The flows of an `Auth` that puts the key in, and replaces it once when it is refused.

    `wait` is how many seconds the next key may take. A request is sent twice only if the first
    answer was a 401 `invalid_api_key`, and if its body is at hand: one that is generated, or a
    file that is uploaded, is gone. Only a 401's body is read here.
    """

    def __init__(
        self, key: FileKey | SocketKey | AsyncFileKey | AsyncSocketKey, wait: float = 10.0
    ) -> None:
        if not hasattr(key, "source"):
            raise TypeError(
                f"KeyAuth takes a key such as SocketKey('billing'), not {type(key).__name__}"
            )
        if not isinstance(wait, int | float):
            raise TypeError(f"wait is a number of seconds, not {type(wait).__name__}")
        self._source = key.source
        self._wait = checked_wait(wait)

    def sync_auth_flow(self, request: _Request) -> Generator[_Request, _Response, None]:
        """Send the request, and once more if a next key heals it."""
        run(self._sign(request))
        response = yield request
        if response.status_code == _REFUSED and run(self._heal(request, response.read())):
            yield request

    async def async_auth_flow(self, request: _Request) -> AsyncGenerator[_Request, _Response]:
        """Do as `sync_auth_flow`, on asyncio or trio."""
        await run_async(self._sign(request))
        response = yield request
        if response.status_code == _REFUSED and await run_async(
            self._heal(request, await response.aread())
        ):
            yield request

    def _sign(self, request: RequestLike) -> Steps[None]:
        """Put the key in, unless the SDK has: it was given the same callable."""
        if not self._source.handed_out(_bearer(request)):
            request.headers["Authorization"] = _SCHEME + (yield from self._source.read())

    def _heal(self, request: RequestLike, answer: bytes) -> Steps[bool]:
        """Report the key, and put the next one in; False when there is nothing to be done."""
        refused = _bearer(request)
        if not _is_for_the_key(answer) or not self._source.handed_out(refused):
            return False
        wait = self._wait if _is_at_hand(request) else 0  # reports it in any case
        try:
            key = yield from self._source.replacement(refused, wait)
        except NoKeyError:
            return False  # the application hears of the 401
        if key is None:
            return False
        request.headers["Authorization"] = _SCHEME + key
        return True


def _bearer(request: RequestLike) -> str:
    return request.headers.get("Authorization", "").removeprefix(_SCHEME)


def _is_at_hand(request: RequestLike) -> bool:
    try:
        return request.content is not None
    except RuntimeError:  # RequestNotRead
        return False


def _is_for_the_key(answer: bytes) -> bool:
    """Say whether it is the key that OpenAI refuses, not an organization or an address."""
    try:
        return bool(json.loads(answer)["error"]["code"] == "invalid_api_key")
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
