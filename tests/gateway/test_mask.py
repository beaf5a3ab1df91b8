from __future__ import annotations

from freshkey.gateway.mask import KeyMask
from hypothesis import example, given
from hypothesis import strategies as st

from tests.gateway.site import KEY, UpstreamConnection, request, site

PARTS = st.lists(st.text("sk-ab", max_size=9), max_size=12)


@given(PARTS)
@example(["sk-a", "bsk-", "ab"])
@example(["sssk", "-ab"])
def test_no_portions_let_a_key_through(parts: list[str]) -> None:
    """And nothing else changes, and all of it comes."""
    mask = KeyMask(b"sk-ab")
    out = b"".join(mask.feed(part.encode()) for part in parts) + mask.end()
    assert out == "".join(parts).replace("sk-ab", "*****").encode()


@given(st.binary(max_size=60))
def test_what_can_not_begin_a_key_is_not_held_back(data: bytes) -> None:
    mask = KeyMask(b"sk-ab")
    assert mask.feed(data + b"\n\n").endswith(b"\n\n")


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
