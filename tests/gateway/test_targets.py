"""Paths: what reaches OpenAI is what was decided on."""

from __future__ import annotations

import pytest
from freshkey.gateway.refusals import RefusedError
from freshkey.gateway.targets import Target, parse_target
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.site import site
from tests.gateway.upstream import GOOD, UpstreamConnection
from tests.gateway.wire import request

TRICKS = (
    b"/v1",
    b"/v1/",
    b"/v1//responses",
    b"//v1/responses",
    b"/v1/./responses",
    b"/v1/../v1/responses",
    b"/v1/responses/..",
    b"/v1/responses/%2e%2e/organization/projects",
    b"/v1/%2E/responses",
    b"/v1/responses%2fx",
    b"/v1/responses%5c..%5corganization",
    b"/v1/responses\\..\\organization",
    b"/v1/responses%00",
    b"/v1/responses%0d%0aX:%20y",
    b"/v1/responses%252e",
    b"/v1/responses;x/../organization",
    b"/v1/responses#x",
    b"/v1/organization/projects",
    b"/v1/Organization/projects",
    b"/v1/ORGANIZATION",
    b"/v1/%6frganization/admin_api_keys",
    b"/v1/organization%20/x",
    b"/v1/organization:x/y",
    b"/v1/organizations",
    b"/v2/responses",
    b"/v1responses",
    b"/responses",
    b"http://api.openai.com/v1/responses",
    b"http://127.0.0.1/v1/responses",
    b"https://evil.example/v1/responses",
    b"api.openai.com:443",
    b"*",
    b"/v1/r\xc3\xa9sponses",
)


@pytest.mark.parametrize("target", TRICKS)
def test_tricks_reach_nothing(target: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_target(target)
    assert refused.value.refusal.status == 403


@pytest.mark.parametrize(
    "target",
    [
        "/responses",
        "/responses/resp_abc/input_items?limit=20&order=desc",
        "/models/ft:gpt-4o-mini-2024-07-18:org::abc",
        "/files/file-abc/content",
        "/containers/cntr_1/files/cfile_2/content",
        "/realtime?model=gpt-realtime",
        "/vector_stores/vs_1/search?x=%2e%2e%2f",
        "/files/a%20b.jsonl".replace("%20", "%C3%BC").replace(".", "-"),
    ],
)
def test_what_clients_ask_for_passes(target: str) -> None:
    path, mark, query = target.partition("?")
    assert parse_target(f"/v1{target}".encode()) == Target(path, mark + query)


@given(st.binary(max_size=40))
def test_whatever_passes_is_plain(rest: bytes) -> None:
    """No empty segment, none of dots alone, and no administration."""
    try:
        target = parse_target(b"/v1/" + rest)
    except RefusedError:
        return
    segments = target.path.split("/")[1:]
    assert all(segment.strip(".") for segment in segments)
    assert not segments[0].lower().startswith("organization")
    assert target.path.isascii()
    assert "\\" not in target.path


async def test_no_trick_comes_to_openai() -> None:
    async def script(connection: UpstreamConnection) -> None:
        while True:
            await connection.request()
            await connection.answer(GOOD)

    async with site(script) as gateway:
        for target in TRICKS:
            answer = await gateway.exchange(request(b"{}", path=target))
            assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), target
        assert not gateway.requests
