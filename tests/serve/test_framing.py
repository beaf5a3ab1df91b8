from __future__ import annotations

from itertools import pairwise

import pytest
from freshkey.serve.framing import MAX_BODY, MAX_HEAD, Request, RequestParser
from hypothesis import given
from hypothesis import strategies as st

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
VALUES = st.text('abc XYZ;=,"/*é', max_size=30).map(str.strip)
KEPT = {"host", "content-length", "accept", "if-none-match"}
RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade"}


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Request]:
    """Make one valid request: how it is sent, and what has to be understood."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "DELETE"]))
    path = "/" + draw(TOKENS)
    query = draw(st.sampled_from(["", "wait=30s", "a=b&c"]))
    headers = {"host": "localhost"}
    names = st.sampled_from(["accept", "if-none-match"]) | TOKENS
    headers |= draw(st.dictionaries(names.filter(lambda n: n not in RESERVED), VALUES, max_size=4))
    body = b""
    framed = b""
    if method == "POST":
        body = draw(st.binary(max_size=300))
        if draw(st.booleans()):
            headers["content-length"] = str(len(body))
            framed = body
        else:
            headers["transfer-encoding"] = "chunked"
            size = draw(st.integers(1, 100))
            parts = [body[i : i + size] for i in range(0, len(body), size)]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
            framed += b"0\r\n\r\n"
    lines = [f"{method} {path}{'?' if query else ''}{query} HTTP/1.1"]
    lines += [f"{draw(st.sampled_from([name, name.title()]))}: {headers[name]}" for name in headers]
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + framed
    kept = {name: value for name, value in headers.items() if name in KEPT}
    return raw, Request(method, path, query, kept, body, keep_alive=True)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@given(st.lists(requests(), min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=20))
def test_however_valid_bytes_are_split_the_same_requests_come_out(
    sent: list[tuple[bytes, Request]], cuts: list[int]
) -> None:
    parser = RequestParser()
    data = b"".join(raw for raw, _ in sent)
    received = [request for piece in in_pieces(data, cuts) for request in parser.feed(piece)]
    assert received == [request for _, request in sent]
    assert parser.refusal is None
    assert not parser.midway


def test_headers_that_nobody_asks_for_cost_no_memory() -> None:
    many = b"".join(b"H%d: x\r\n" % number for number in range(1500))
    (request,) = RequestParser().feed(b"GET / HTTP/1.1\r\nHost: a\r\n" + many + b"\r\n")
    assert request.headers == {"host": "a"}


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_garbage_is_refused_or_awaited_and_never_raises(data: bytes, cuts: list[int]) -> None:
    parser = RequestParser()
    for piece in in_pieces(data, cuts):
        parser.feed(piece)
        if parser.refusal:
            assert parser.refusal.status == 400
            break


@given(requests(), st.integers(1, 10_000))
def test_a_request_that_is_not_whole_is_midway(sent: tuple[bytes, Request], cut: int) -> None:
    raw, _ = sent
    parser = RequestParser()
    assert parser.feed(raw[: cut % (len(raw) - 1) + 1]) == []
    assert parser.midway


def refusal_of(*pieces: bytes) -> tuple[int, str]:
    parser = RequestParser()
    for piece in pieces:
        parser.feed(piece)
        if parser.refusal:
            return parser.refusal.status, parser.refusal.body.decode()
    pytest.fail("nothing was refused")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"BREW / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # without Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET /\xff HTTP/1.1\r\n",
        b"GET no-path HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
    ],
)
def test_what_is_not_valid_is_a_bad_request(data: bytes) -> None:
    status, body = refusal_of(data)
    assert status == 400
    assert '"code": "bad_request"' in body


def test_the_bound_of_the_headers_is_exact() -> None:
    start, end = b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"\r\n\r\n"
    fits = b"x" * (MAX_HEAD - len("/") - len("Host: a\r\nX: \r\n"))
    assert len(RequestParser().feed(start + fits + end)) == 1
    assert refusal_of(start + fits + b"x" + end)[0] == 431


@pytest.mark.parametrize(
    "endless", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX", b"GET / HTTP/1.1\r\nX:"]
)
def test_a_head_without_an_end_is_refused_before_it_costs_memory(endless: bytes) -> None:
    filler = b" " * 100 if endless.endswith(b":") else b"x" * 100
    status, body = refusal_of(endless, *[filler] * (MAX_HEAD // 100 + 1))
    assert status == 431
    assert '"code": "too_large"' in body


def test_what_came_along_with_the_request_before_does_not_count() -> None:
    parser = RequestParser()
    whole = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (MAX_HEAD - 100) + b"\r\n\r\n"
    assert len(parser.feed(whole + whole[:9000])) == 1
    assert len(parser.feed(whole[9000:])) == 1
    assert parser.refusal is None


def test_the_bound_of_the_body_is_exact_however_it_is_framed() -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\n"
    length, chunked = (
        post + b"Content-Length: %d\r\n\r\n",
        post + b"Transfer-Encoding: chunked\r\n\r\n",
    )
    assert len(RequestParser().feed(length % MAX_BODY + b"x" * MAX_BODY)) == 1
    assert refusal_of(length % (MAX_BODY + 1))[0] == 413
    chunk = b"%x\r\n%s\r\n"
    whole = chunk % (MAX_BODY, b"x" * MAX_BODY) + b"0\r\n\r\n"
    assert len(RequestParser().feed(chunked + whole)) == 1
    assert refusal_of(chunked, chunk % (MAX_BODY, b"x" * MAX_BODY), b"1\r\nx\r\n")[0] == 413


def test_trailers_and_the_names_of_chunks_are_bounded_and_dropped() -> None:
    start = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    (request,) = RequestParser().feed(start + b"Host: b\r\nAccept: c\r\n\r\n")
    assert request.headers == {"host": "a"}
    assert refusal_of(start, b"X: ", *[b"x" * 1000] * 50)[0] == 413
    assert refusal_of(start.removesuffix(b"0\r\n"), b"1;", *[b"x" * 1000] * 50)[0] == 413


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
)
def test_some_requests_are_the_last_of_their_connection(head: bytes) -> None:
    (request,) = RequestParser().feed(head)
    assert not request.keep_alive


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
)
def test_a_body_that_would_not_be_read_is_refused(body: bytes) -> None:
    """As curl --http2 sends it."""
    parser = RequestParser()
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    assert parser.feed(head + body) == []
    assert parser.refusal is not None
    assert parser.refusal.status == 400


def test_requests_before_garbage_are_not_lost() -> None:
    parser = RequestParser()
    (request,) = parser.feed(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nBREW")
    assert request.path == "/a"
    assert parser.refusal


def test_a_target_in_absolute_form_is_taken_for_its_path() -> None:
    (request,) = RequestParser().feed(b"GET http://localhost/a?b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.path, request.query) == ("/a", "b")
