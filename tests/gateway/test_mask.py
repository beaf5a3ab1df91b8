from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import trio
import trio.testing
from freshkey.gateway.mask import KeyMask
from hypothesis import example, given
from hypothesis import strategies as st

from tests.gateway.fakes import KEY
from tests.gateway.site import site
from tests.gateway.wire import request

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection

SHORT = "sk-aabbccddeeff"  # 15 characters, of which 7 may go out
PARTS = st.lists(
    st.one_of(st.text("sk-ab", max_size=9), st.integers(0, 14).map(SHORT.__getitem__)), max_size=40
)


@given(PARTS, st.lists(st.integers(0, 200), max_size=8))
@example(["x", SHORT, SHORT, "y"], [3])
@example([SHORT], [12])
@example(["s", SHORT], [1, 2, 15])
def test_no_portions_let_a_key_through(parts: list[str], cuts: list[int]) -> None:
    """Nothing else changes, all of it comes, and of a key at most what all keys begin with."""
    text = "".join(parts).encode()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    mask = KeyMask(SHORT.encode())
    out = b"".join(mask.feed(text[a:b]) for a, b in itertools.pairwise(places)) + mask.end()
    expected = text.replace(SHORT.encode(), b"*" * len(SHORT))
    assert len(out) == len(text)
    for place, (got, wanted, given_) in enumerate(zip(out, expected, text, strict=True)):
        if got != wanted:
            assert got == given_
            assert SHORT.encode()[:8] not in out[max(0, place - 7) : place + 8]


@given(st.binary(max_size=60))
def test_what_can_not_begin_a_key_is_not_held_back(data: bytes) -> None:
    for end in (b"\n\n", b"s", b"sk-a"):
        mask = KeyMask(SHORT.encode())
        assert mask.feed(data + end).endswith(end)


async def test_a_client_never_sees_it_wherever_openai_repeats_it() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        half = len(KEY) // 2
        head = (
            f"HTTP/1.1 200 {KEY}\r\nX-Key: {KEY}\r\n{KEY}: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        pieces = (f"a{KEY[:half]}", f"{KEY[half:]}b", KEY)
        await connection.stream.send_all(head.encode())
        for piece in pieces:
            await connection.stream.send_all(f"{len(piece):x}\r\n{piece}\r\n".encode())
        await connection.stream.send_all(f"0\r\nX-Key: {KEY}\r\n\r\n".encode())

    async with site(script) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.endswith(b"0\r\n\r\n")
        assert b"sk-svcacct" not in answer
        assert b"canary" not in answer


async def test_nor_if_openai_cuts_it_at_any_byte() -> None:
    cut = [0]

    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (KEY[: cut[0]] or "x", KEY[cut[0] :]):
            await connection.stream.send_all(f"{len(piece):x}\r\n{piece}\r\n".encode())
            await trio.testing.wait_all_tasks_blocked(0.001)
        await connection.stream.send_all(b"0\r\n\r\n")

    async with site(script) as gateway:
        for place in range(len(KEY)):
            cut[0] = place
            answer = await gateway.exchange(request(b"{}"))
            assert answer.endswith(b"0\r\n\r\n")
            assert b"sk-svcacct" not in answer
            assert b"canary" not in answer
