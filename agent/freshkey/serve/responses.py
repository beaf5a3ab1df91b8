"""Answers, and how they become bytes."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.serve.subscribers import Subscribers

_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}


class Response(NamedTuple):
    """One answer. `headers` are those that it has beside length, connection, and caching.

    `framed` is what `encode` made of it, if it is given more than once.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    framed: bytes = b""


class Later(NamedTuple):
    """An answer that has to be waited for: `answer()` gives it once `ready()`, or after `seconds`.

    `news` wakes whoever waits whenever it may have become ready. `stopped()` gives the answer in
    its place when the agent stops first; neither is called when the peer hangs up.
    """

    seconds: float
    news: Subscribers
    ready: Callable[[], bool]
    answer: Callable[[], Response]
    stopped: Callable[[], Response]


class Stream(NamedTuple):
    """An answer without end: after its head comes what `next()` gives, whenever `ready()`.

    `next()` gives nothing when there are no news; `news` is as in `Later`. `ended()` is called when
    nothing more is said, whatever the reason.
    """

    head: Response
    news: Subscribers
    ready: Callable[[], bool]
    next: Callable[[], bytes]
    ended: Callable[[], None] = lambda: None


def text(body: str, status: int = HTTPStatus.OK) -> Response:
    """Make an answer of plain text."""
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), body.encode())


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    **members: object,
) -> Response:
    """Make an error for a client to act on (RFC 9457).

    `code` is stable and for programs; `detail` is one line for a person and says what to do;
    `members` are further ones of the same object.
    """
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **members,
    }
    return Response(
        status,
        (("Content-Type", "application/problem+json"), *headers),
        json.dumps(content).encode(),
    )


def encode(
    response: Response, *, body: bool = True, keep_alive: bool = True, has_length: bool = True
) -> bytes:
    """Frame an answer for HTTP/1.1, the whole of it in one piece.

    With `body=False` it is the answer to a HEAD: the length is told, the content is not. A 304
    has neither (RFC 9110, 15.4.5). Without a length, the answer ends with the connection. Nothing
    from the socket may be stored by anybody.
    """
    if response.framed and body and keep_alive:
        return response.framed
    head = [_STATUS_LINES[response.status]]
    head += [f"{name}: {value}\r\n" for name, value in response.headers]
    if has_length and response.status != HTTPStatus.NOT_MODIFIED:
        head.append(f"Content-Length: {len(response.body)}\r\n")
    if not keep_alive:
        head.append("Connection: close\r\n")
    head.append("Cache-Control: no-store\r\n\r\n")
    framed = "".join(head).encode("latin-1")
    return framed + response.body if body else framed
