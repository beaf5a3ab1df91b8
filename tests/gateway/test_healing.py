"""A key that OpenAI refuses: the client does not see it, if there is another one in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.gateway import exchange

from tests.gateway.fakes import KEY, OTHER_KEY
from tests.gateway.site import site
from tests.gateway.upstream import GOOD
from tests.gateway.wire import request, rest_of

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection

ERROR = b'{"error": {"message": "Incorrect API key provided: %b", "code": "%b"}}'


def refusal(code: bytes = b"invalid_api_key", key: str = KEY) -> bytes:
    body = ERROR % (key.encode(), code)
    return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def refusing(connection: UpstreamConnection) -> None:
    """Refuse one key, and take the other."""
    while True:
        received = await connection.request()
        (sent,) = received.header("authorization")
        await connection.answer(refusal() if sent == f"Bearer {KEY}" else GOOD)


async def test_a_request_is_sent_once_more_with_the_next_key() -> None:
    async with site(refusing) as gateway, await gateway.connect() as stream:
        await stream.send_all(request(b'{"input": "once"}'))
        while not gateway.keys.rejected:
            await trio.testing.wait_all_tasks_blocked(0.01)
        gateway.keys.show(OTHER_KEY, 2)
        answer = await rest_of(stream)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"401" not in answer
        assert [one.body for one in gateway.requests] == [b'{"input": "once"}'] * 2
        assert len(gateway.keys.rejected) == 1
        assert gateway.done[0].tag not in {None, *gateway.keys.rejected}


async def test_a_key_that_was_replaced_meanwhile_is_not_waited_for() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        gateway.keys.show(OTHER_KEY, 2)
        await connection.answer(refusal())
        await connection.request()
        await connection.answer(GOOD)

    async with site(script) as gateway:
        assert (await gateway.exchange(request(b"{}"))).startswith(b"HTTP/1.1 200")


async def test_without_another_key_the_client_is_told_and_never_sees_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "WAIT_FOR_ANOTHER", 0.1)
    async with site(refusing) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 401")
        assert KEY.encode() not in answer
        assert b"provided: " + b"*" * len(KEY) in answer
        assert len(gateway.requests) == 1


async def test_it_is_sent_once_more_and_not_again() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        gateway.keys.show(OTHER_KEY, 2)
        await connection.answer(refusal())
        await connection.request()
        await connection.answer(refusal(key=OTHER_KEY))
        await trio.sleep_forever()

    async with site(script) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 401")
        assert OTHER_KEY.encode() not in answer
        assert len(gateway.requests) == 2
        assert len(gateway.keys.rejected) == 2


@pytest.mark.parametrize(
    "answer",
    [
        refusal(b"insufficient_permissions"),
        b'HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n{"error":',
        b"HTTP/1.1 401 No\r\nContent-Length: 30000\r\n\r\n" + b"[" * 30_000,
        b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_another_401_is_no_report(answer: bytes) -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        await connection.answer(answer)
        await trio.sleep_forever()

    async with site(script) as gateway:
        found = await gateway.exchange(request(b"{}"))
        assert found.startswith(answer[:12])
        assert found.partition(b"\r\n\r\n")[2] == answer.partition(b"\r\n\r\n")[2].replace(
            KEY.encode(), b"*" * len(KEY)
        )
        assert not gateway.keys.rejected


async def test_what_is_not_in_memory_is_not_sent_again() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        gateway.keys.show(OTHER_KEY, 2)
        await connection.answer(refusal())
        await trio.sleep_forever()

    async with site(script) as gateway:
        answer = await gateway.exchange(request(b"x" * 200_000))
        assert answer.startswith(b"HTTP/1.1 401")
        assert gateway.keys.rejected
        assert len(gateway.requests) == 1


async def test_without_a_key_it_says_when_to_come_again() -> None:
    async with site() as gateway:
        gateway.keys.show(None)
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: 1\r\n" in answer
        assert b'"code": "no_key"' in answer
        assert not gateway.requests


async def test_a_key_that_a_reload_takes_away_meanwhile_is_not_waited_for() -> None:
    async def script(connection: UpstreamConnection) -> None:
        await connection.request()
        gateway.keys.remove()
        await connection.answer(refusal())

    async with site(script) as gateway:
        answer = await gateway.exchange(request(b"{}"))
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"configured no more" in answer
