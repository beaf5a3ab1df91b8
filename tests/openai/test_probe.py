"""The probe on real sockets, and against the emulator with a key that it made."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.openai.probe import Probe

from testbed.emulator.organization import ADMIN_API_KEY, PROJECT_ID
from tests.openai.asking import KEY, LIST, ask
from tests.openai.servers import answer, serving

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer


async def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(answer(200, LIST)) as server:
        assert (await ask(f"{server.base_url}/")).verdict is Verdict.GOOD
    (request,) = server.requests
    assert request.startswith("get /v1/models http/1.1\r\n")
    assert "authorization: bearer sk-svcacct-canary\r\n" in request
    assert "openai-" not in request
    assert "from-the-environment" not in request


async def test_a_redirect_is_not_followed() -> None:
    async with serving(answer(200, LIST)) as other:
        moved = answer(307, b"", f"Location: {other.base_url}/models")
        async with serving(moved) as server:
            finding = await ask(server.base_url)
    assert finding == Finding(Verdict.UNKNOWN, "307: a redirect, which is not followed")
    assert not other.requests


async def test_an_answer_without_end_is_cut() -> None:
    async with serving(answer(200, LIST + b" " * (1 << 21))) as server:
        assert (await ask(server.base_url)).verdict is Verdict.UNKNOWN


async def test_an_encoding_that_was_not_asked_for() -> None:
    async with serving(answer(200, b"\x1f\x8b...", "Content-Encoding: gzip")) as server:
        assert (await ask(server.base_url)).verdict is Verdict.UNKNOWN
    assert "accept-encoding: identity" in server.requests[0]


@pytest.mark.parametrize("sent", [b"", b"220 ready\r\n", b"HTTP/1.1 200 OK\r\nContent-Len"])
async def test_a_connection_that_ends_early(sent: bytes) -> None:
    async with serving(sent) as server:
        finding = await ask(server.base_url)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail.startswith("no answer: RemoteProtocolError")


async def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshkey.openai.probe.TIMEOUT", 0.2)  # of 10 s
    async with serving(b"HTTP/1.1 200 OK\r\n", trio.sleep_forever) as server:
        finding = await ask(server.base_url)
    assert finding == Finding(Verdict.UNKNOWN, "no answer within 0.2 s")


async def test_nothing_listens() -> None:
    async with serving() as server:
        pass
    finding = await ask(server.base_url)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail.startswith("no answer: ConnectError")


async def test_tls_with_a_server_that_has_none(openai_server: OpenAIServer) -> None:
    finding = await ask(openai_server.base_url.replace("http:", "https:"))
    assert finding.verdict is Verdict.UNKNOWN
    assert "SSL" in finding.detail


async def test_a_cancelled_test_ends() -> None:
    with trio.fail_after(5):
        async with serving(b"HTTP/1.1 200 OK\r\n", trio.sleep_forever) as server:
            with trio.move_on_after(0.05) as scope:
                await ask(server.base_url)
    assert scope.cancelled_caught


def make_key(server: OpenAIServer) -> Secret:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        headers = {"Authorization": f"Bearer {ADMIN_API_KEY}"}
        path = f"/v1/organization/projects/{PROJECT_ID}/service_accounts"
        connection.request("POST", path, '{"name": "probe"}', headers)
        return Secret(json.loads(connection.getresponse().read())["api_key"]["value"])


async def test_the_emulator(openai_server: OpenAIServer) -> None:
    openai_server.reset()
    key = make_key(openai_server)
    async with aclosing(Probe(openai_server.base_url)) as probe:
        assert (await probe.test(key)).verdict is Verdict.GOOD
        refused = await probe.test(Secret("sk-svcacct-unknown"))
        assert refused == Finding(Verdict.REFUSED, "401 invalid_api_key")
        openai_server.configure(errors={"models.list": "missing_scopes"})
        assert (await probe.test(key)).verdict is Verdict.GOOD
        openai_server.configure(errors={"models.list": "rate_limited"})
        assert (await probe.test(key)).verdict is Verdict.GOOD
        openai_server.configure(errors={"models.list": "bare_string"})
        assert await probe.test(key) == Finding(Verdict.UNKNOWN, "403")
        openai_server.configure(errors={"models.list": "unavailable"})
        assert await probe.test(key) == Finding(Verdict.UNKNOWN, "503")
    openai_server.configure()  # as it was, for the tests that follow


def test_httpx_is_imported_when_it_is_first_needed() -> None:
    program = """
import sys
from freshkey.openai.probe import Probe
Probe("https://api.openai.com/v1")
print({"httpx", "http.client"} & {*sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


async def test_no_cookie_is_kept() -> None:
    cookies = "Set-Cookie: a=b\r\nSet-Cookie: \xe9=c"
    async with (
        serving(answer(200, LIST, cookies)) as server,
        aclosing(Probe(server.base_url)) as probe,
    ):
        for _ in range(2):
            assert (await probe.test(KEY)).verdict is Verdict.GOOD
    assert not [request for request in server.requests if "cookie" in request]
