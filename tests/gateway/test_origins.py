from __future__ import annotations

import pytest
from freshkey.gateway.origins import check_origin
from freshkey.gateway.refusals import RefusedError

from tests.gateway.site import site


def may(host: bytes, origin: bytes | None = None, *, over_tcp: bool = True) -> bool:
    headers = ((b"Host", host), *(((b"Origin", origin),) if origin is not None else ()))
    try:
        check_origin(headers, over_tcp=over_tcp)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize(
    "host", [b"localhost:8317", b"127.0.0.1:8317", b"[::1]:8317", b"LOCALHOST"]
)
def test_this_host(host: bytes) -> None:
    assert may(host)
    assert may(host, b"http://localhost:3000")
    assert not may(host, b"https://evil.example")
    assert not may(host, b"null")


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"localhost.evil.example", b"10.0.0.1:8317", b"", b"[::1", b"a@evil.example"],
)
def test_another_host(host: bytes) -> None:
    assert not may(host)
    assert may(host, over_tcp=False), "a page comes to no Unix socket"


async def test_a_page_that_calls_this_host_by_its_own_name() -> None:
    async with site() as gateway:
        answer = await gateway.exchange(
            b"GET /v1/models HTTP/1.1\r\nHost: evil.example:8317\r\nConnection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 403")
        assert not gateway.requests
