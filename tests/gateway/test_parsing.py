"""Both parsers: any portions give the same, and what is ambiguous is refused."""

from __future__ import annotations

import contextlib
import itertools

import h11
import pytest
from freshkey.gateway.requests import End, Head, RequestParser
from freshkey.http1.answers import AnswerParser, BadAnswerError
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.site import site
from tests.gateway.upstream import GOOD, UpstreamConnection

HOST = b"Host: localhost\r\n"
REQUESTS = (
    b"POST /v1/responses HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
    b"POST /v1/responses HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
    b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n"
)
ANSWER = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
)
SMUGGLED = b"GET /v1/organization/admin_api_keys HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = (
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: 55\r\n\r\n",
    b"Content-Length: 55\r\nContent-Length: 55\r\n\r\n",
    b"Content-Length: 0, 55\r\n\r\n",
    b"Content-Length: +5\r\n\r\nhello",
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length: 0x5\r\n\r\nhello",
    b"Content-Length: 5 5\r\n\r\nhello",
    b"Content-Length:\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n",
    b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"X: y\x00z\r\n\r\n",
    b"X y\r\n\r\n",
    b": y\r\n\r\n",
    b"X\xc3\xa9: y\r\n\r\n",
)
BAD_CHUNKS = (
    b"5\nhello\n0\n\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\n\r\n\r\n",
)


def split(data: bytes, places: list[int]) -> list[bytes]:
    cuts = [0, *sorted({place % len(data) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(cuts)]


@given(st.lists(st.integers(min_value=0), max_size=30))
def test_requests_in_any_portions(places: list[int]) -> None:
    parser = RequestParser()
    for portion in split(REQUESTS, places):
        parser.feed(portion)
    assert parser.refusal is None
    heads = [part for part in parser.parts if isinstance(part, Head)]
    assert [(head.method, head.length) for head in heads] == [
        (b"POST", 5),
        (b"POST", None),
        (b"GET", 0),
    ]
    bodies, body = [], b""
    for part in parser.parts:
        if isinstance(part, bytes):
            body += part
        elif part is End.END:
            bodies.append(body)
            body = b""
    assert bodies == [b"hello", b"hello!", b""]


@given(st.lists(st.integers(min_value=0), max_size=30))
def test_answers_in_any_portions(places: list[int]) -> None:
    parser = AnswerParser(to_head=False)
    body = b""
    for portion in split(ANSWER, places):
        parser.feed(portion)
        body += parser.take_body()
    assert parser.head is not None
    assert (parser.head.status, parser.head.length) == (200, None)
    assert body == b"hello!"
    assert parser.is_complete
    assert parser.can_be_reused


def test_requests_that_do_not_wait_are_few() -> None:
    parser = RequestParser()
    parser.feed((b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n") * 1000)
    assert parser.refusal is not None
    assert sum(isinstance(part, Head) for part in parser.parts) == 8


def parse(data: bytes) -> None:
    """Both parsers refuse it, or wait for more."""
    request = RequestParser()
    request.feed(data)
    request.close()
    answer = AnswerParser(to_head=False)
    with contextlib.suppress(BadAnswerError):
        answer.feed(data)
    answer.close()


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    parse(data)


@given(st.sampled_from([REQUESTS, ANSWER]), st.data())
def test_changed_bytes_crash_nothing(text: bytes, data: st.DataObject) -> None:
    changed = bytearray(text)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    parse(bytes(changed))


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_nothing_is_smuggled(version: bytes) -> None:
    """What follows an ambiguous request is no request of its own, to either side."""
    async with site() as gateway:
        for headers in AMBIGUOUS:
            data = b"POST /v1/responses HTTP/%b\r\n%b%b" % (version, HOST, headers) + SMUGGLED
            answer = await gateway.exchange(data)
            assert answer.startswith(b"HTTP/1.1 400"), headers
            assert answer.count(b"HTTP/1.1 4") == 1
        assert not gateway.requests


async def test_a_body_in_bad_chunks_goes_nowhere() -> None:
    """Or the connection upstream breaks off: OpenAI never sees the end of it."""

    async def script(connection: UpstreamConnection) -> None:
        try:
            await connection.request()
        except h11.RemoteProtocolError:
            return
        ended.append(True)
        await connection.answer(GOOD)

    ended: list[bool] = []
    async with site(script) as gateway:
        for chunks in BAD_CHUNKS:
            head = b"POST /v1/responses HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % HOST
            answer = await gateway.exchange(head + chunks + SMUGGLED)
            assert answer.startswith(b"HTTP/1.1 400"), chunks
            assert answer.count(b"HTTP/1.1 4") == 1
        assert not ended
