"""From the bytes of a client to requests: heads, parts of bodies, and ends, within bounds.

What two readers could understand differently is refused, and what goes on to OpenAI is written
anew from what was read here: so both always agree on where a request ends.

Source: https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias, final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from freshkey.gateway.refusals import RefusedError, bad_request, headers_too_large, headers_too_many
from freshkey.http1.headers import first, values

if TYPE_CHECKING:
    from freshkey.gateway.refusals import Refusal
    from freshkey.http1.headers import Headers

MAX_HEAD: Final = 32 * 1024  # bytes: target and headers
_MOST_HEADERS: Final = 128
_MOST_WAITING: Final = 8  # requests that came together
_MAX_CHUNK_HEAD: Final = 4 * 1024  # bytes of a chunk's size, or of trailers, without a body's part


class Head(NamedTuple):
    """A request without its body, whose `length` in bytes is None when it comes in chunks."""

    method: bytes
    target: bytes
    headers: Headers
    length: int | None
    has_chunks: bool  # whether the client understands them: HTTP/1.1
    keep_alive: bool
    upgrade: bool  # to WebSocket
    expects_continue: bool


class End(Enum):
    """The end of a request."""

    END = "end"


Part: TypeAlias = "Head | bytes | End"


@final
class RequestParser:
    """Takes bytes in any portions, and puts what they hold into `parts`.

    After a `refusal` nothing more can be read from the connection.
    """

    def __init__(self) -> None:
        self.parts: deque[Part] = deque()
        self.refusal: Refusal | None = None
        self.left = b""  # what followed a request for an upgrade
        self.midway = False
        self._held = 0
        self._body: list[bytes] = []
        self._parser = HttpRequestParser(self)
        self._begin()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        before = len(self.parts)
        self._body = []
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self.left = data[upgrade.args[0] :]
        except HttpParserError as error:
            if self.refusal is None:
                self.refusal = bad_request(f"this is not valid HTTP/1.1: {error}")
        self._put_body()
        if self.midway and len(self.parts) == before:
            # httptools keeps an unfinished line to itself: this bounds what it may hold.
            self._held += len(data)
            if self._held > (_MAX_CHUNK_HEAD if self._head_done else MAX_HEAD):
                self.refusal = self.refusal or headers_too_large(MAX_HEAD)
        else:
            self._held = 0

    def close(self) -> None:
        """Let go of httptools' parser: the two refer to each other."""
        del self._parser

    def on_message_begin(self) -> None:
        """Start a request; called by httptools, like all that follow."""
        self._begin()
        self.midway = True

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._count(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which is dropped."""
        self._count(len(name) + len(value) + len(": \r\n"))
        if not self._head_done:
            self._headers.append((name, value))
            if len(self._headers) > _MOST_HEADERS:
                self._refuse(headers_too_many(_MOST_HEADERS))

    def on_headers_complete(self) -> None:
        """Put the head."""
        self._head_done = True
        if sum(isinstance(part, Head) for part in self.parts) >= _MOST_WAITING:
            message = f"over {_MOST_WAITING} requests were sent without waiting for an answer"
            self._refuse(bad_request(message))
        try:
            self.parts.append(self._head())
        except RefusedError as error:
            self._refuse(error.refusal)

    def on_body(self, part: bytes) -> None:
        """Put a part of the body; what comes in many chunks at once is one part."""
        self._body.append(part)

    def on_message_complete(self) -> None:
        """Put the end."""
        self._put_body()
        self.parts.append(End.END)
        self.midway = False

    def _put_body(self) -> None:
        if self._body:
            self.parts.append(b"".join(self._body))
            self._body = []

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._head_done = False
        self._held = 0

    def _head(self) -> Head:
        parser, headers = self._parser, tuple(self._headers)
        version = parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise RefusedError(bad_request("the gateway speaks HTTP/1.1"))
        if len(values(headers, b"host")) != 1 and version == "1.1":
            raise RefusedError(bad_request("send one Host header (RFC 9112, 3.2)"))
        upgrade = parser.should_upgrade()
        if upgrade and not _is_websocket(parser.get_method(), headers):
            raise RefusedError(bad_request("the gateway speaks HTTP/1.1, and WebSocket over it"))
        length = _length(headers, version)
        return Head(
            method=parser.get_method(),
            target=self._target,
            headers=headers,
            length=length,
            has_chunks=version == "1.1",
            # HTTP/1.0 would have to be asked for it, and told.
            keep_alive=version == "1.1" and parser.should_keep_alive() and not upgrade,
            upgrade=upgrade,
            expects_continue=_expects_continue(headers, version),
        )

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            self._refuse(headers_too_large(MAX_HEAD))

    def _refuse(self, refusal: Refusal) -> NoReturn:
        self.refusal = refusal
        raise RefusedError(refusal)


def _length(headers: Headers, version: str) -> int | None:
    """Return the length of a body, None for chunks; raises RefusedError."""
    codings, lengths = values(headers, b"transfer-encoding"), values(headers, b"content-length")
    if codings:
        if lengths or version == "1.0" or [one.lower() for one in codings] != [b"chunked"]:
            raise RefusedError(
                bad_request("Transfer-Encoding can only be chunked, and without Content-Length")
            )
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise RefusedError(bad_request("Content-Length must be one number"))
    return int(lengths[0])


def _is_websocket(method: bytes, headers: Headers) -> bool:
    """Whether it asks for a WebSocket (RFC 6455, 4.1), and has no body."""
    return (
        method == b"GET"
        and [value.lower() for value in values(headers, b"upgrade")] == [b"websocket"]
        and not values(headers, b"transfer-encoding")
        and first(headers, b"content-length") in {b"", b"0"}
    )


def _expects_continue(headers: Headers, version: str) -> bool:
    expected = values(headers, b"expect")
    if not expected or version == "1.0":
        return False
    if [value.lower() for value in expected] != [b"100-continue"]:
        raise RefusedError(bad_request("Expect can only be 100-continue"))
    return True
