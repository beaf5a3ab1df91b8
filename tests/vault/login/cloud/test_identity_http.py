"""What is asked outside of Vault is bounded, and its failures are one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.vault.login.identity_http import LARGEST_ANSWER, Reply, Service, ask, refusal

from tests.vault.servers import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.vault.login.cloud.standin import Cloud


def near(url: str) -> Service:
    return Service("the service", url, when_silent="is it there?")


async def fault_of(service: Service, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(FaultError) as caught:
        await ask(service, "/x", headers=headers)
    fault = caught.value.fault
    assert "\n" not in fault.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return fault.kind, fault.message


async def test_an_answer(cloud: Cloud) -> None:
    cloud.routes["POST /x"] = answer(201, {"token": "secret"}, headers={"X-Some": "thing"})
    reply = await ask(near(cloud.address), "/x", method="POST", content=b"body")
    assert (reply.status, reply.table) == (201, {"token": "secret"})
    assert reply.headers["x-some"] == "thing"
    assert cloud.request("POST").body == b"body"
    assert "secret" not in repr(reply)


async def test_a_redirect_is_not_followed(cloud: Cloud) -> None:
    cloud.routes["GET /x"] = answer(302, b"", headers={"Location": f"{cloud.address}/y"})
    assert (await ask(near(cloud.address), "/x")).status == 302
    assert len(cloud.requests) == 1


async def test_no_answer_in_time(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "answering", 0.2)
    cloud.routes["GET /x"] = None
    assert await fault_of(near(cloud.address)) == (
        FaultKind.UPSTREAM,
        f"the service at {cloud.address} can't be reached: no answer within 0.2 s: is it there?",
    )


async def test_no_connection_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "connecting", 0.2)
    kind, message = await fault_of(near("http://192.0.2.1"))  # RFC 5737: nobody's
    assert kind is FaultKind.UPSTREAM  # not `unreachable`, which is Vault
    assert message.startswith("the service at http://192.0.2.1 can't be reached: ")


async def test_too_long_an_answer(cloud: Cloud) -> None:
    cloud.routes["GET /x"] = answer(200, b"x" * (LARGEST_ANSWER + 1))
    _, message = await fault_of(near(cloud.address))
    assert message == f"the service at {cloud.address} sends more than a credential"


async def test_an_answer_that_is_no_http(cloud: Cloud) -> None:
    cloud.routes["GET /x"] = b"secret-that-must-not-show\r\n\r\n"
    _, message = await fault_of(near(cloud.address))
    assert message.endswith("can't be reached: RemoteProtocolError: is it there?")


@pytest.mark.parametrize("value", ["secret\r\nX: y", "secret\xe9", "\x7fsecret"])
async def test_a_credential_that_no_header_can_carry(cloud: Cloud, value: str) -> None:
    _, message = await fault_of(near(cloud.address), {"Authorization": value})
    assert "secret" not in message
    assert not cloud.requests


@pytest.mark.parametrize("url", ["nonsense", "http://[", "http://a b", "http://\x00", "http://:x"])
async def test_an_address_that_is_none(url: str) -> None:
    kind, _ = await fault_of(near(url))
    assert kind is FaultKind.UPSTREAM


async def test_a_proxy_stands_before_what_is_far(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", cloud.address)
    service = Service("the service", "https://sts.amazonaws.com", near=False)
    await fault_of(service)
    assert cloud.request("CONNECT").line == "CONNECT sts.amazonaws.com:443 HTTP/1.1"


async def test_no_proxy_stands_before_what_is_near(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", cloud.address)
    await fault_of(near("https://127.0.0.1:1"))
    assert not cloud.requests


@pytest.mark.parametrize("rules", ["localhost,fd00::/8", "[::1]:80", "kubernetes.default.svc:*"])
async def test_exceptions_of_a_proxy_that_httpx_can_not_read(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, rules: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", cloud.address)
    monkeypatch.setenv("NO_PROXY", rules)
    await fault_of(Service("the service", "https://sts.amazonaws.com", near=False))
    assert cloud.request("CONNECT").line == "CONNECT sts.amazonaws.com:443 HTTP/1.1"


@pytest.mark.parametrize(
    "value", ["nonsense://x", "http://user:hunter2secret#x@proxy:3128", "http://999.1.1.1"]
)
async def test_an_unusable_proxy(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    service = Service("the service", "https://sts.amazonaws.com", near=False)
    kind, message = await fault_of(service)
    assert kind is FaultKind.BAD_REQUEST
    assert "can't be asked: HTTPS_PROXY has to be the URL of an HTTP proxy, such as " in message
    assert "hunter2secret" not in message


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (400, b'{"error": "a", "error_description": "b"}', FaultKind.BAD_REQUEST, "b"),
        (403, b'{"error": {"message": "no", "code": 403}}', FaultKind.BAD_REQUEST, "no"),
        (400, b'{"message": "no"}', FaultKind.BAD_REQUEST, "no"),
        (400, b'{"error": "invalid"}', FaultKind.BAD_REQUEST, "invalid"),
        (400, b"<Code>A</Code><Message>b</Message>", FaultKind.BAD_REQUEST, "A: b"),
        (404, b"<html>", FaultKind.BAD_REQUEST, "no reason given"),
        (429, b"[]", FaultKind.UPSTREAM, "no reason given"),
        (503, b"", FaultKind.UPSTREAM, "no reason given"),
    ],
)
def test_refusals_quote_the_service(
    status: int, content: bytes, kind: FaultKind, message: str
) -> None:
    fault = refusal(near("http://x"), Reply(status, {}, content), "do this").fault
    assert fault.kind is kind
    assert fault.message == f"the service answers {status}: {message}: do this"
