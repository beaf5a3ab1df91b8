"""OpenAI's answers to a probe and to an exchange, through httpx: a finding, a grant, or a fault."""

from __future__ import annotations

import trio
from freshkey.core.model.faults import FaultError
from freshkey.core.model.secret import Secret
from freshkey.openai.exchange import Account, TokenExchange
from freshkey.openai.probe import Probe

from tests.fuzz.answering import answer_of, answering
from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.target import Target

BASE_URL = "http://127.0.0.1:1/v1"
LONGEST = 1e9  # seconds


async def ask() -> None:
    probe = Probe(BASE_URL)
    for _ in range(2):  # what it keeps between two tests may spoil the second
        finding = await probe.test(Secret(CANARY))
        hidden_in([finding.detail])
    reached = await probe.reach()
    hidden_in([str(reached)])
    await probe.aclose()
    exchange = TokenExchange(BASE_URL, lambda: 100.0)
    try:
        grant = await exchange.exchange(Secret(CANARY), Account("idp_1", "svc_1", "jwt"))
    except FaultError as error:
        hidden_in([error.fault.message])
    else:
        value = grant.secret.reveal()
        assert value
        assert value.isascii()
        assert value.isprintable()
        assert 0 < grant.duration < LONGEST
        hidden_in([repr(grant)])
    await exchange.aclose()


def check(data: bytes) -> None:
    with answering(answer_of(data)):
        trio.run(ask)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SECRET = CANARY.encode()
GIVEN = b'{"access_token": "oaiat-1", "expires_in": 3599, "token_type": "Bearer"}'
REFUSED = b'{"error": {"message": "Incorrect API key: %b", "code": "invalid_api_key"}}' % SECRET
TARGET = Target(
    check,
    (
        b"\0" + GIVEN,
        b'\0{"object": "list", "data": [{"id": "gpt-5"}]}',
        b"\3" + REFUSED,
        b'\2{"error": "invalid_grant", "error_description": "' + SECRET + b'"}',
        b'\x08{"error": {"message": "Rate limit"}}',
        b"r" + OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"r"
        + OK
        + b"Set-Cookie: a=b; Expires=Wed, 21 Oct 2030 07:28:00 GMT\r\n"
        + SECRET
        + b"\r\n\r\n",
        b"rHTTP/1.1 307 X\r\nLocation: https://[::1/" + SECRET + b"\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        *(b"\r\n", b"\n", b"\0", b"\xff", b":", b"HTTP/1.1 99 X", b"HTTP/1.1 101 X"),
        *(b"HTTP/1.1 401 X", b"Content-Length: ", b"Content-Length: -1\r\n"),
        *(b"Content-Encoding: gzip\r\n", b"Location: ", b"Set-Cookie: "),
        *(b"Transfer-Encoding: gzip\r\n", b"http://[", b"1e999", b"NaN", b"9" * 5000),
        *(b'"expires_in": ' + b"9" * 400, b'"access_token": "\\ud800"', b'"access_token": " "'),
        *(b"[" * 2000, SECRET, b"\\ud800", b"\\u0000", b"\x1b[2J"),
        b'"error": {"code": "' + SECRET + b'"}',
    ),
)
