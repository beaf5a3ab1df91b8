"""Work that has to wait now and then, written once for threads, asyncio, and trio.

Such work is a generator: it yields what it waits for, and returns what it came to. `run` and
`run_async` do the waiting.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from asyncio import Future
    from socket import socket

T = TypeVar("T")


class Wait(NamedTuple):
    """Wait for so many seconds, or until the socket can be read, if that is earlier."""

    seconds: float
    readable: socket | None = None


Steps = Generator[Wait, None, T]


def run(steps: Steps[T]) -> T:
    """Do the work in this thread; return what it returns, raise what it raises."""
    try:
        while True:
            _wait(next(steps))
    except StopIteration as end:
        return cast("T", end.value)  # a StopIteration does not tell its type
    finally:
        steps.close()


async def run_async(steps: Steps[T]) -> T:
    """Do the work in this task, of trio or asyncio; a cancelled one closes its socket."""
    wait = _wait_in_trio if _in_trio() else _wait_in_asyncio
    try:
        while True:
            await wait(next(steps))
    except StopIteration as end:
        return cast("T", end.value)  # as in `run`
    finally:
        steps.close()


def _wait(wait: Wait) -> None:
    if wait.readable is None:
        time.sleep(wait.seconds)
        return
    poll = select.poll()  # select() would refuse descriptors from 1024 on
    poll.register(wait.readable, select.POLLIN)
    poll.poll(wait.seconds * 1000)


def _in_trio() -> bool:
    trio: Any = sys.modules.get("trio")  # whoever runs under it has imported it
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


async def _wait_in_trio(wait: Wait) -> None:
    trio: Any = sys.modules["trio"]
    with trio.move_on_after(wait.seconds):
        if wait.readable is None:
            await trio.sleep_forever()
        else:
            await trio.lowlevel.wait_readable(wait.readable)


def _set(arrived: Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)


async def _wait_in_asyncio(wait: Wait) -> None:
    import asyncio  # noqa: PLC0415 - 26 ms, and whoever gets here has done it

    loop = asyncio.get_running_loop()
    if wait.readable is None:
        await asyncio.sleep(wait.seconds)
        return
    arrived = loop.create_future()
    loop.add_reader(wait.readable, _set, arrived)
    try:
        await asyncio.wait([arrived], timeout=wait.seconds)
    finally:
        loop.remove_reader(wait.readable)
        arrived.cancel()
