"""From the bytes of a connection to whole requests, within bounds (RFC 9112)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

from freshkey.serve.responses import problem

if TYPE_CHECKING:
    from freshkey.serve.responses import Response

MAX_HEAD: Final = 16 * 1024  # bytes: target and headers
MAX_BODY: Final = 4 * 1024  # bytes
_USED: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"accept",
        b"authorization",
        b"if-none-match",
        b"last-event-id",
        b"expect",
    }
)
MAX_RAW: Final = 48 * 1024  # bytes of a request as sent: head, body, and what chunks add to it


class Request(NamedTuple):
    """One whole request, with those of its headers that are of use here.

    Their names are in lower case, repeated ones joined (RFC 9110, 5.3).

    `path` is not percent-decoded: nothing that is served needs an escape.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"  # the headers may hold a run's token


class _RefusedError(Exception):
    """Ends the parsing from within one of httptools' callbacks."""


@final
class RequestParser:
    """Takes bytes in any portions and gives back requests.

    `midway` says that a request has begun to arrive and is not whole. After a `refusal` nothing
    more can be read from the connection: it is the last answer on it.
    """

    def __init__(self) -> None:
        self.midway = False
        self.refusal: Response | None = None
        self._parser = HttpRequestParser(self)
        self._requests: list[Request] = []
        self.on_message_begin()
        self.midway = False

    def feed(self, data: bytes) -> list[Request]:
        """Take the next bytes; return the requests that they complete, in order."""
        self._began = False
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # no other protocol is spoken: such a request is answered, and is the last
        except HttpParserError as error:
            if self.refusal is None:
                self.refusal = problem(400, "bad_request", f"this is not valid HTTP/1.1: {error}")
        if self.midway and not self._began:
            # httptools keeps an unfinished header to itself: this bounds what it may hold.
            self._raw += len(data)
            if self._raw > (MAX_RAW if self._head_done else MAX_HEAD) and self.refusal is None:
                self.refusal = _too_large(head=not self._head_done)
        done, self._requests = self._requests, []
        return done

    def close(self) -> None:
        """Let go of httptools' parser: the two refer to each other."""
        del self._parser

    def on_message_begin(self) -> None:
        """Start a request; called by httptools, like all that follow."""
        self.midway = self._began = True
        self._raw = 0  # bytes of this request, without those that came along with its first
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._head_done = False
        self._in_chunks = False
        self._keep_alive = False
        self._body = b""

    def on_url(self, part: bytes) -> None:
        """Take a part of the request's target."""
        self._count(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which is dropped."""
        self._count(len(name) + len(value) + len(": \r\n"))
        # What is of no use is not kept: thousands of tiny headers would cost much more memory
        # than they have bytes.
        if self._head_done:
            return
        lower = name.lower()
        if lower in _USED:
            key, text = lower.decode(), value.decode("latin-1")
            self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text
        elif lower == b"transfer-encoding":
            self._in_chunks = True

    def on_headers_complete(self) -> None:
        """Refuse what can be refused before the body."""
        self._head_done = True
        version = self._parser.get_http_version()
        self._keep_alive = (
            version == "1.1"  # 1.0 would have to be asked for it, and told
            and self._parser.should_keep_alive()
            and not self._parser.should_upgrade()
        )
        if version not in {"1.0", "1.1"}:
            self._refuse(problem(400, "bad_request", "this socket speaks HTTP/1.1"))
        if version == "1.1" and ("host" not in self._headers or "," in self._headers["host"]):
            self._refuse(problem(400, "bad_request", "send one Host header (RFC 9112, 3.2)"))
        if version == "1.1" and "expect" in self._headers:  # it would wait for a 100 (10.1.1)
            self._refuse(problem(417, "bad_request", "send the body at once, without Expect"))
        length = int(self._headers.get("content-length", "0"))
        if self._parser.should_upgrade() and (length or self._in_chunks):
            # httptools reads no body then, and curl --http2 sends one all the same.
            self._refuse(problem(400, "bad_request", "send a body as HTTP/1.1, without Upgrade"))
        if length > MAX_BODY:
            self._refuse(_too_large(head=False))

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._body += part
        if len(self._body) > MAX_BODY:
            self._refuse(_too_large(head=False))

    def on_message_complete(self) -> None:
        """Put the request with those that are ready."""
        try:
            url = parse_url(self._target)
        except HttpParserError:
            self._refuse(problem(400, "bad_request", "the request's target is not a path"))
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=(url.path or b"/").decode("latin-1"),
            query=(url.query or b"").decode("latin-1"),
            headers=self._headers,
            body=self._body,
            keep_alive=self._keep_alive,
        )
        self._requests.append(request)
        self.midway = False

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            self._refuse(_too_large(head=True))

    def _refuse(self, refusal: Response) -> NoReturn:
        self.refusal = refusal
        raise _RefusedError


def _too_large(*, head: bool) -> Response:
    if head:
        return problem(431, "too_large", f"the headers are over {MAX_HEAD} bytes; send fewer")
    return problem(413, "too_large", f"the body is over {MAX_BODY} bytes; send less")
