"""The probe through a proxy, past one, and with one that can't be used."""

from __future__ import annotations

from base64 import b64encode
from contextlib import aclosing

import pytest
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.openai.probe import Probe

from tests.openai.asking import ask
from tests.openai.servers import answer, serving

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
