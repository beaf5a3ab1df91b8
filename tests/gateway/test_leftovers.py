"""Whatever breaks off, and when: nothing of it stays."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

import trio
import trio.testing
from freshkey.gateway.readiness import Readiness

from tests.gateway.site import Site, site
from tests.gateway.test_websocket import OPEN, SWITCH
from tests.gateway.upstream import GOOD, UpstreamConnection
from tests.gateway.wire import request, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
GARBAGE = b"\x00\xff" * 500
ANSWERS = (GOOD, CHUNKED, CHUNKED[:-5], SWITCH, GARBAGE, b"")
REQUESTS = (
    request(b"{}", close=False),
    request(b"x" * 90_000, close=False),
    request(b"", b"Transfer-Encoding: chunked", close=False) + b"3\r\nabc\r\n0\r\n\r\n",
    request(method=b"GET", close=False) * 3,
    request(b"x", b"Content-Length: 100", close=False),
    OPEN,
    GARBAGE,
)
BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError)


def tasks() -> int:
    """How many tasks run."""
    found, waiting = 0, [trio.lowlevel.current_root_task()]
    while waiting:
        task = waiting.pop()
        found += 1
        if task is not None:
            waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths


def unruly(random: Random) -> Callable[[UpstreamConnection], Awaitable[None]]:
    """An upstream that reads as much as it likes, and says whatever it likes, as far as it does."""

    async def script(connection: UpstreamConnection) -> None:
        for _ in range(random.randrange(4)):
            with suppress(*BROKEN):
                await connection.stream.receive_some(random.choice((1, 100, 65536)))
            answer = random.choice(ANSWERS)
            with suppress(*BROKEN):
                await connection.stream.send_all(answer[: random.randrange(len(answer) + 1)])
        if random.random() < 0.5:
            reset(connection.stream)

    return script


async def misbehave(gateway: Site, random: Random) -> None:
    stream = await gateway.connect()
    with trio.move_on_after(random.random() / 4):
        for _ in range(random.randrange(3)):
            text = random.choice(REQUESTS)
            with suppress(*BROKEN):
                await stream.send_all(text[: random.randrange(len(text) + 1)])
                await stream.receive_some(random.choice((1, 65536)))
    if random.random() < 0.5:
        reset(stream)
    else:
        await trio.aclose_forcefully(stream)


async def test_nothing_stays() -> None:
    random = Random(2026)  # noqa: S311 - the same at every run
    async with site(unruly(random), max_requests=64, first_byte_timeout=0.5) as gateway:
        await gateway.exchange(request(b"{}"))
        await trio.testing.wait_all_tasks_blocked(0.1)
        before = tasks(), descriptors()
        async with trio.open_nursery() as nursery:
            for _ in range(300):
                nursery.start_soon(misbehave, gateway, random)
                await trio.sleep(0.005)
        gateway.gateway.configuration.upstream.close()
        with trio.fail_after(15):
            while (tasks(), descriptors()) > before:  # noqa: ASYNC110 - nobody tells
                await trio.sleep(0.1)
        assert not gateway.gateway.hang_ups.watched
        statuses = {done.status for done in gateway.done}
        assert statuses >= {499, 502}, statuses  # both sides broke off


async def test_all_ends_while_a_stream_is_waited_for() -> None:
    left, right = socket.socketpair()
    with left, right:
        async with trio.open_nursery() as nursery:
            readiness = Readiness(nursery)
            readiness.add(left.fileno(), lambda: None)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        readiness.remove(left.fileno())  # as whoever waited does when it is cancelled, too
