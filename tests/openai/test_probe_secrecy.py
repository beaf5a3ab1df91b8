"""What the probe lets nobody have: a key over plain HTTP, in a header, a log, or a finding."""

from __future__ import annotations

import logging

import pytest
from freshkey.core.model.secret import Secret
from freshkey.core.model.verdict import Finding, Verdict

from tests.openai.asking import KEY, LIST, ask
from tests.openai.servers import answer, serving


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


async def test_nothing_of_the_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer(401, b'{"error": {"code": "invalid_api_key"}}')) as server:
        await ask(server.base_url)
    assert caplog.records
    assert "canary" not in caplog.text


async def test_a_server_that_repeats_the_key_in_what_is_no_answer() -> None:
    for end in (b"", b" " * 150):  # also where only a part of it would fit
        async with serving(
            b"HTTP/1.1 200 OK\r\n" + end + KEY.reveal().encode() + b"\r\n\r\n"
        ) as server:
            finding = await ask(server.base_url)
        assert finding.detail.startswith("no answer: RemoteProtocolError")
