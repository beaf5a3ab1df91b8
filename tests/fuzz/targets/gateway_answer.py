"""OpenAI's answers: whatever comes, the client gets a valid answer or its end, and never the key.

The first byte of an input chooses what the client has asked.
"""

from __future__ import annotations

import h11
from freshkey.gateway.clients import Client

from tests.fuzz.gateway_between import between
from tests.fuzz.target import Target
from tests.gateway.fakes import KEY
from tests.gateway.wire import request

CLIENT = Client("team", "billing")
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
OPEN = (
    b"GET /v1/realtime?model=gpt-5 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ASKED = (
    (b"POST", request(b"{}", close=False)),
    (b"HEAD", request(method=b"HEAD", close=False)),
    (b"GET", request(method=b"GET", close=False) * 2),
    (b"GET", OPEN),
    (b"POST", request(b"x" * 70_000, close=False)),
)


def check(data: bytes) -> None:
    number, answer = (data[0] % len(ASKED) if data else 0), data[1:]
    method, asked = ASKED[number]
    outcome = between(asked, answer, CLIENT)
    received = outcome.received
    assert KEY.encode() not in received
    assert received.startswith(b"HTTP/1.1 "), "a request has no answer"
    if received.startswith(b"HTTP/1.1 101"):
        assert asked is OPEN
        return
    status, body, whole = understood(received, method)
    assert outcome.done[0].status == status
    try:
        theirs = understood(answer, method)
    except h11.RemoteProtocolError:
        return
    if theirs[2] and whole and status not in {502, 503, 504} and KEY[:8].encode() not in answer:
        assert (status, body) == theirs[:2]


def understood(data: bytes, method: bytes) -> tuple[int, bytes, bool]:
    """Read the first answer; return its status, its body, and whether it is whole."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    status, body, ended = 0, b"", False
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            if not ended:
                raise
            return status, body, False
        match event:
            case h11.Response():
                status = event.status_code
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                return status, body, True
            case h11.NEED_DATA if not ended:
                ended = True
                reader.receive_data(b"")
            case h11.InformationalResponse():
                pass
            case _:
                return status, body, False


OK = b"HTTP/1.1 200 OK\r\n"
SECRET = KEY.encode()
TARGET = Target(
    check,
    (
        b"\0" + OK + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"\0HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Transfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n1;a\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
        b"\0" + OK + b'Content-Type: text/event-stream\r\n\r\ndata: {"usage": {"input_tokens": 3, '
        b'"output_tokens": 4}}\n\ndata: [DONE]\n\n',
        (
            b"\0HTTP/1.1 401 Unauthorized\r\nContent-Length: 66\r\n\r\n"
            b'{"error": {"code": "invalid_api_key", "message": "Incorrect key"}}'
        ),
        b"\1" + OK + b"Content-Length: 999\r\n\r\n",
        b"\2HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"\3" + SWITCH + b"\x81\x05hello\x81\x7e\x00\x80" + b"x" * 128 + b"\x88\x00",
        b"\4HTTP/1.1 413 Too Large\r\nX: " + SECRET + b"\r\nContent-Length: 300\r\n\r\n" + SECRET,
        b"\0" + OK + b"\r\n" + SECRET[:9] + SECRET[:20] + SECRET,
    ),
    (
        *(b"\r\n", b"\n", b"\0", b"\xff", b" ", b":", b"0\r\n\r\n", b"HTTP/1.0 200\r\n"),
        *(b"HTTP/1.1 999 \r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n"),
        *(b"Content-Length: " + b"9" * 30 + b"\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Transfer-Encoding: gzip, chunked\r\n", b"HTTP/1.1 204 \r\n"),
        *(b"Connection: close\r\n", b"Connection: x-request-id\r\n", b"Set-Cookie: a=b\r\n"),
        *(b"ffffffff\r\n", b'"usage": {', b'"usage": {"input_tokens": ' + b"9" * 5000),
        *(b"[" * 3000, b"X: y\r\n" * 300, SECRET, SECRET[:30], SWITCH, b"\x81\x7f" + b"\xff" * 8),
        *(b"\x01\x00", b"\x80\x00", b"HTTP/1.1 100 \r\n\r\n"),
    ),
    size=8192,
)
