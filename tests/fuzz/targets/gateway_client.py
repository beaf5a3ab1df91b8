"""The gateway's clients: whatever one sends, OpenAI sees whole requests, one on each connection.

They have our key and no other credential, and ask for nothing that the client may not. The first
byte of an input chooses whether the client's models are limited.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h11
from freshkey.gateway.clients import Client
from python_multipart import parse_form

from tests.fuzz.canary import CANARY
from tests.fuzz.gateway_between import between
from tests.fuzz.h11_reader import requests_of
from tests.fuzz.target import Target
from tests.gateway.fakes import KEY
from tests.gateway.test_models import FILE, MODEL, OTHER, form
from tests.gateway.upstream import GOOD

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

    from tests.fuzz.h11_reader import Understood

FREE = Client("team", "billing")
LIMITED = Client("team", "billing", models=("gpt-5",))
CREDENTIALS = {b"authorization", b"api-key", b"x-api-key", b"cookie", b"proxy-authorization"}


def check(data: bytes) -> None:
    client = LIMITED if data[:1] == b"\1" else FREE
    outcome = between(data[1:], GOOD, client)
    assert KEY.encode() not in outcome.received
    assert not outcome.received or outcome.received.startswith(b"HTTP/1.1 ")
    assert len(outcome.seen) <= len(outcome.done), "more requests than were recorded"
    for seen in outcome.seen:
        head, end, _ = seen.partition(b"\r\n\r\n")
        assert end, "a head that is not whole"
        check_head(head)
        try:
            requests = list(requests_of(seen))
        except h11.RemoteProtocolError as error:
            raise AssertionError(f"OpenAI can't read it: {error}: {head!r}") from None
        assert len(requests) <= 1, "two requests on one connection"
        if client is LIMITED and requests:
            check_model(head, requests[0])


def check_head(head: bytes) -> None:
    line, *fields = head.split(b"\r\n")
    _, target, version = line.split(b" ")
    assert version == b"HTTP/1.1"
    assert target.startswith(b"/v1/")
    assert not target.lower().startswith(b"/v1/organization")
    named = [(name.lower(), value) for name, _, value in (one.partition(b": ") for one in fields)]
    credentials = [(name, value) for name, value in named if name in CREDENTIALS]
    assert credentials == [(b"authorization", b"Bearer " + KEY.encode())]
    assert [value for name, value in named if name == b"host"] == [b"api.openai.com"]
    framing = [name for name, _ in named if name in {b"content-length", b"transfer-encoding"}]
    assert len(framing) <= 1


def check_model(head: bytes, request: Understood) -> None:
    """Whatever other reader finds a model in it finds the one that is allowed."""
    upgrade = b"\r\nUpgrade: websocket" in head
    if upgrade or (not request.body and request.method in {b"GET", b"HEAD", b"DELETE", b"OPTIONS"}):
        return
    kinds = [
        value
        for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:])
        if name.lower() == b"content-type"
    ]
    assert len(kinds) == 1
    if b"multipart" in kinds[0].lower():
        assert models_of_form(kinds[0], request.body) == ["gpt-5"]
    else:
        assert json.loads(request.body)["model"] == "gpt-5"


def models_of_form(kind: bytes, body: bytes) -> list[str]:
    """Read a form by the library that OpenAI's emulator, and many servers, read them with."""
    found: list[str] = []

    def on_field(field: Field) -> None:
        if field.field_name == b"model":
            found.append((field.value or b"").decode())

    def on_file(file: File) -> None:
        if file.field_name == b"model":
            found.append("")
        file.close()

    class Whole:
        def __init__(self) -> None:
            self._left = body

        def read(self, size: int) -> bytes:
            part, self._left = self._left[:size], self._left[size:]
            return part

    length = str(len(body)).encode()
    parse_form({"Content-Type": kind, "Content-Length": length}, Whole(), on_field, on_file)
    return found


HOST = b"Host: localhost\r\nAuthorization: Bearer " + CANARY.encode() + b"\r\n"
JSON = b"Content-Type: application/json\r\n"


def _post(body: bytes, fields: bytes = JSON, path: bytes = b"/v1/responses") -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + fields
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


FORM = b"Content-Type: multipart/form-data; boundary=b0\r\n"
TARGET = Target(
    check,
    (
        b"\0" + _post(b'{"model": "gpt-5"}') + b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\1" + _post(b'{"model": "gpt-5", "input": [{"model": "x"}]}'),
        b"\1" + _post(form(MODEL, FILE), FORM),
        b"\1" + _post(form(FILE, OTHER), FORM),
        b"\0POST /v1/files HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        b"5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\nGET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\1GET /v1/realtime?model=gpt-5 HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"\0HEAD /v1/models/gpt-5 HTTP/1.1\r\n" + HOST + b"Connection: close, X\r\nX: y\r\n\r\n",
    ),
    (
        *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff", b"0\r\n\r\n", b"\r\n--b0"),
        *(b"--", b"Content-Length: 3\r\n", b"Content-Length: +3\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity, chunked\r\n"),
        *(b"Expect: 100-continue\r\n", b"X-Api-Key: a\r\n", b"Connection: content-length\r\n"),
        *(b"Connection: host, authorization\r\n", b"TE: trailers\r\n"),
        *(b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.x\r\n", b"Cookie: a=b\r\n"),
        *(b"/v1/organization/x", b"/v1/./organization", b"/v1//organization", b"%2e%2e/", b"%2f"),
        *(b"\\", b"http://a/v1/models", b"#", b"?", b"HTTP/1.0", b"HTTP/0.9"),
        *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b'"model": "gpt-5", ', b'"model": "x", '),
        *(b'"\\u006dodel": "x", ', b"\\ud800", b"[" * 2000, b'name="model"', b"name=model"),
        *(b'filename="x"', b"; name*=utf-8''model", b"charset=utf-16"),
        *(b"Content-Encoding: gzip\r\n", b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"),
        b"Host: b\r\n",
    ),
)
