"""The parser of the agent's socket: any bytes, in any pieces, and what h11 makes of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from freshkey.serve.framing import RequestParser

from tests.fuzz.h11_reader import requests_of
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from freshkey.serve.framing import Request

ERRORS = {400, 413, 417, 431}


def parsed(data: bytes, size: int) -> tuple[list[Request], int | None]:
    """Give the requests of a connection, and the status of the refusal that ends it."""
    parser = RequestParser()
    found: list[Request] = []
    for start in range(0, len(data), size):
        for request in parser.feed(data[start : start + size]):
            found.append(request)
            if not request.keep_alive:  # nobody reads what follows
                return found, None
        if parser.refusal:
            return found, parser.refusal.status
    return found, None


def check(data: bytes) -> None:
    size, data = (data[0] % 64 + 1, data[1:]) if data else (1, b"")
    whole, refused = parsed(data, max(1, len(data)))
    assert parsed(data, size) == (whole, refused)
    assert refused is None or refused in ERRORS
    try:
        for ours, theirs in zip(whole, requests_of(data), strict=False):
            assert ours.method.encode() == theirs.method
            if theirs.target.startswith(b"/"):
                path, _, query = theirs.target.partition(b"#")[0].partition(b"?")
                assert (ours.path.encode("latin-1"), ours.query.encode("latin-1")) == (path, query)
            assert ours.body == theirs.body
    except h11.RemoteProtocolError:
        pass  # it is stricter here


HOST = b"Host: a\r\n"
TARGET = Target(
    check,
    (
        b"\x01GET /v1/keys HTTP/1.1\r\n"
        + HOST
        + b"\r\nGET /livez?a=b HTTP/1.1\r\n"
        + HOST
        + b"\r\n",
        b"\x07POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n",
        b"\x03POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\x20GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ),
    (
        *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b"\0", b"\xff", b"0\r\n\r\n"),
        *(b"Content-Length: 3\r\n", b"Content-Length: +3\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n"),
        *(b"Expect: 100-continue\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"HTTP/1.0"),
        *(b"HTTP/2.0", b"CONNECT a:1", b"http://a/b", b"HEAD", b"OPTIONS *", b"Host: b\r\n"),
        *(b"ffffffffffffffff", b"-1", b"0x1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 5000),
        b"X: y\r\n" * 300,
    ),
    size=24 * 1024,
)
