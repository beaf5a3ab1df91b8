"""The probe on real sockets, and against the emulator with a key that it made."""

from __future__ import annotations

import http.client
import json
import logging
import re
import subprocess
import sys
from base64 import b64encode
from contextlib import aclosing, asynccontextmanager, closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.secret import Secret
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.openai.probe import Probe

from testbed.emulator.organization import ADMIN_API_KEY, PROJECT_ID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from testbed.emulator.process import OpenAIServer

KEY = Secret("sk-svcacct-canary")
LIST = b'{"object": "list", "data": []}'


async def ask(base_url: str, secret: Secret = KEY) -> Finding:
    async with aclosing(Probe(base_url)) as probe:
        finding = await probe.test(secret)
    assert "canary" not in finding.detail
    assert "\n" not in finding.detail
    return finding


class Server:
    """Sends `sent` to whoever has sent a request, then does `then`."""

    def __init__(self, sent: bytes, then: Callable[[], Awaitable[None]] | None) -> None:
        self.requests: list[str] = []
        self.port = 0
        self._sent, self._then = sent, then

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            request = b""
            while not _is_whole(request):
                part = await stream.receive_some()
                assert part, "the client left"
                request += part
            self.requests.append(request.decode().lower())
            await stream.send_all(self._sent)
            if self._then is not None:
                await self._then()


def _is_whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return bool(found) and (length is None or len(body) >= int(length[1]))


@asynccontextmanager
async def serving(
    sent: bytes = b"", then: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Server]:
    server = Server(sent, then)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


def answer(status: int, body: bytes, *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


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


ODD_RULES = "localhost,fd00::/8,[::1],[::1]:80,kubernetes.default.svc:*"


@pytest.mark.parametrize("rules", [*ODD_RULES.split(","), ODD_RULES])
async def test_exceptions_of_a_proxy_that_httpx_can_not_read(
    monkeypatch: pytest.MonkeyPatch, rules: str
) -> None:
    async with serving(answer(502, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", rules)
        finding = await ask("https://api.openai.com/v1")
    assert finding == Finding(Verdict.UNKNOWN, "no answer: ProxyError: 502 Whatever")
    assert proxy.requests[0].startswith("connect api.openai.com:443 http/1.1\r\n")


async def test_a_proxy_is_shown_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answer(502, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss-word@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("VAULT_HTTP_PROXY", "http://127.0.0.1:1")  # for Vault alone
        await ask("https://api.openai.com/v1")
    login = b64encode(b"me:p@ss-word").decode().lower()
    assert f"proxy-authorization: basic {login}\r\n" in proxy.requests[0]


@pytest.mark.parametrize("rule", ["openai.invalid", "*", ".openai.invalid:443"])
async def test_what_goes_past_the_proxy(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    async with serving(answer(502, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", rule)
        await ask("https://api.openai.invalid/v1")  # RFC 2606: no such name
    assert not proxy.requests


@pytest.mark.parametrize(
    "value",
    [
        "http://user:canary#x@proxy:3128",
        "http://user:1234#canary@proxy:3128",
        "http://user:canary@999.1.1.1",
        "http://user:canary@[::1",
        "socks5://user:canary@proxy:1080",
    ],
)
async def test_a_proxy_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    async with aclosing(Probe("https://api.openai.com/v1")) as probe:
        await probe.prepare()
    finding = await ask("https://api.openai.com/v1")
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail.startswith("HTTPS_PROXY has to be the URL of an HTTP proxy, such as ")


@pytest.mark.parametrize(
    "host", ["api.openai.com", "192.0.2.1", "[2001:db8::1]", "127.0.0.1.nip.io"]
)
async def test_plain_http_goes_to_loopback_only(host: str) -> None:
    finding = await ask(f"http://{host}/v1")
    assert finding == Finding(Verdict.UNKNOWN, "not sent over plain http, but to loopback")


@pytest.mark.parametrize(
    "key", ["sk-canary\n", "sk-canary\r\nX: 1", "sk-canar\u00fd", "sk canary", "canary\x7f"]
)
async def test_a_key_that_no_header_can_carry(key: str) -> None:
    async with serving(answer(200, LIST)) as server:
        finding = await ask(server.base_url, Secret(key))
    assert finding == Finding(Verdict.UNKNOWN, "the key holds characters that no header can carry")
    assert not server.requests


async def test_a_cancelled_test_ends() -> None:
    with trio.fail_after(5):
        async with serving(b"HTTP/1.1 200 OK\r\n", trio.sleep_forever) as server:
            with trio.move_on_after(0.05) as scope:
                await ask(server.base_url)
    assert scope.cancelled_caught


async def test_nothing_of_the_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer(401, b'{"error": {"code": "invalid_api_key"}}')) as server:
        await ask(server.base_url)
    assert caplog.records
    assert "canary" not in caplog.text


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


async def test_a_server_that_repeats_the_key_in_what_is_no_answer() -> None:
    for end in (b"", b" " * 150):  # also where only a part of it would fit
        async with serving(
            b"HTTP/1.1 200 OK\r\n" + end + KEY.reveal().encode() + b"\r\n\r\n"
        ) as server:
            finding = await ask(server.base_url)
        assert finding.detail.startswith("no answer: RemoteProtocolError")


async def test_no_cookie_is_kept() -> None:
    cookies = "Set-Cookie: a=b\r\nSet-Cookie: \xe9=c"
    async with (
        serving(answer(200, LIST, cookies)) as server,
        aclosing(Probe(server.base_url)) as probe,
    ):
        for _ in range(2):
            assert (await probe.test(KEY)).verdict is Verdict.GOOD
    assert not [request for request in server.requests if "cookie" in request]
