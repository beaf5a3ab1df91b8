"""The exchange on real sockets: what is sent, and what is made of each answer."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
import trio
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.openai.exchange import Account, TokenExchange, grant

from tests.openai.servers import answer, serving

if TYPE_CHECKING:
    from freshkey.core.model.grants import Grant

IDENTITY = Secret("eyJhbGciOiJub25l.eyJzdWIiOiJjYW5hcnki.c2lnbmF0dXJl")
ACCOUNT = Account("idp_1", "svc_acct_1", "jwt")
GIVEN = {"access_token": "oaiat-canary", "expires_in": 3599, "token_type": "Bearer"}


async def exchanged(url: str, now: float = 100.0) -> Grant:
    async with aclosing(TokenExchange(url, lambda: now)) as exchange:
        return await exchange.exchange(IDENTITY, ACCOUNT)


async def fault(url: str) -> Fault:
    with pytest.raises(FaultError) as caught:
        await exchanged(url)
    found = caught.value.fault
    assert "\n" not in found.message
    for secret in ("eyJ", "canary"):
        assert secret not in found.message
    assert not found.unanswered, "nothing is left behind"
    return found


def url_of(base_url: str) -> str:
    return base_url.replace("/v1", "/oauth/token")


def body(content: object) -> bytes:
    return json.dumps(content).encode()


async def test_what_is_sent_and_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(answer(200, body(GIVEN))) as server:
        given = await exchanged(url_of(server.base_url))
    (request,) = server.requests
    head = request.split("\r\n\r\n")[0].splitlines()
    assert head[0] == "post /oauth/token http/1.1"
    assert "content-type: application/json" in head
    assert not [line for line in head if line.startswith(("authorization", "openai-", "cookie"))]
    assert given.secret == Secret("oaiat-canary")
    assert (given.lease_id, given.duration, given.renewable, given.asked_at) == (
        "",
        3599,
        False,
        100,
    )
    assert (given.service_account, given.api_key_id) == ("svc_acct_1", None)


async def test_the_body_is_what_openai_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    async def take(stream: trio.SocketStream) -> None:
        async with stream:
            data = b""
            while not data.endswith(b"}"):
                data += await stream.receive_some()
            sent.append(data.partition(b"\r\n\r\n")[2])
            await stream.send_all(answer(200, body(GIVEN)))

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, take, [listener])
        port = listener.socket.getsockname()[1]
        await exchanged(f"http://127.0.0.1:{port}/oauth/token")
        nursery.cancel_scope.cancel()
    assert json.loads(sent[0]) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": IDENTITY.reveal(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "identity_provider_id": "idp_1",
        "service_account_id": "svc_acct_1",
    }


@pytest.mark.parametrize(
    ("status", "content", "kind", "words"),
    [
        (400, {"error": "invalid_request"}, FaultKind.FORBIDDEN, "(400): invalid_request"),
        (
            401,
            {"error": "invalid_subject_token", "error_description": "It has\nexpired."},
            FaultKind.FORBIDDEN,
            "refuses it (401): invalid_subject_token: It has expired.",
        ),
        (403, {"error": {"message": "No access", "code": "x"}}, FaultKind.FORBIDDEN, ": No access"),
        (403, None, FaultKind.FORBIDDEN, "(403): no reason given"),
        (
            401,
            {"error_description": f"unknown token {IDENTITY.reveal()}"},
            FaultKind.FORBIDDEN,
            "unknown token ***",
        ),
        (401, {"error_description": "x" * 1000}, FaultKind.FORBIDDEN, "xxx…"),
        (429, {"error": {"message": "slow down"}}, FaultKind.UPSTREAM, "answers 429: slow down"),
        (500, None, FaultKind.UPSTREAM, "answers 500"),
        (503, ["no", "object"], FaultKind.UPSTREAM, "answers 503"),
        (307, None, FaultKind.MALFORMED, "a redirect, which is not followed"),
        (404, None, FaultKind.MALFORMED, "answers 404: is exchange_url right?"),
        (200, None, FaultKind.MALFORMED, "answers 200 without a token"),
        (200, {"access_token": 7, "expires_in": 1}, FaultKind.MALFORMED, "without a token"),
        (200, {"access_token": "x"}, FaultKind.MALFORMED, "without the time that its token lives"),
        (200, {"access_token": "  ", "expires_in": 1}, FaultKind.MALFORMED, "but white space"),
        (200, {"access_token": "a b", "expires_in": 1}, FaultKind.MALFORMED, "a space at char"),
    ],
)
async def test_answers_that_give_no_token(
    status: int, content: object, kind: FaultKind, words: str
) -> None:
    sent = b"" if content is None else body(content)
    async with serving(answer(status, sent, "Location: /elsewhere")) as server:
        found = await fault(url_of(server.base_url))
    assert (found.kind, words in found.message) == (kind, True), found.message
    assert len(server.requests) == 1
    assert found.upstream_status == (status if kind is FaultKind.UPSTREAM else None)


@pytest.mark.parametrize("wrong", [True, "3600", None, 0, -1, 1e12, float("nan"), [], {}])
async def test_a_time_that_is_none(wrong: object) -> None:
    with pytest.raises(FaultError, match="without the time"):
        grant(200, body(GIVEN | {"expires_in": wrong}), 0.0, "svc")


@pytest.mark.parametrize("seconds", [1, 0.5, 3600.0])
async def test_a_time_may_have_a_fraction(seconds: float) -> None:
    assert grant(200, body(GIVEN | {"expires_in": seconds}), 0.0, "svc").duration == seconds


async def test_white_space_around_a_token_is_taken_off() -> None:
    assert grant(200, body(GIVEN | {"access_token": "t\n"}), 0.0, "svc").secret == Secret("t")


async def test_an_answer_without_end_is_cut() -> None:
    async with serving(answer(200, body(GIVEN) + b" " * (1 << 21))) as server:
        assert (await fault(url_of(server.base_url))).kind is FaultKind.MALFORMED


@pytest.mark.parametrize("sent", [b"", b"220 ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Len"])
async def test_a_connection_that_ends_early(sent: bytes) -> None:
    async with serving(sent) as server:
        found = await fault(url_of(server.base_url))
    assert found.kind is FaultKind.UPSTREAM
    assert "does not answer: RemoteProtocolError" in found.message


async def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshkey.openai.exchange.TIMEOUT", 0.2)  # of 10 s
    async with serving(b"HTTP/1.1 200 OK\r\n", trio.sleep_forever) as server:
        found = await fault(url_of(server.base_url))
    assert found == Fault(FaultKind.UPSTREAM, "OpenAI's exchange does not answer within 0.2 s")


async def test_nothing_listens() -> None:
    async with serving() as server:
        pass
    assert (await fault(url_of(server.base_url))).kind is FaultKind.UPSTREAM


async def test_plain_http_goes_to_loopback_only() -> None:
    found = await fault("http://auth.example/oauth/token")
    assert (found.kind, "over plain http" in found.message) == (FaultKind.BAD_REQUEST, True)


async def test_a_proxy_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:canary@127.0.0.1:1")
    found = await fault("https://auth.example/oauth/token")
    assert (found.kind, "HTTPS_PROXY" in found.message) == (FaultKind.UPSTREAM, True)


async def test_it_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer(502, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        found = await fault("https://auth.example/oauth/token")
    assert proxy.requests[0].startswith("connect auth.example:443 http/1.1\r\n")
    assert found.kind is FaultKind.UPSTREAM


def test_what_it_holds_is_not_shown() -> None:
    shown: list[Any] = [repr(grant(200, body(GIVEN), 0.0, "svc")), repr(ACCOUNT)]
    assert not [text for text in shown if "canary" in text]
