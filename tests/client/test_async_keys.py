"""The same on asyncio and trio: nothing blocks the loop, and a cancelled call leaves nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest
import trio
from freshkey.client import AsyncFileKey, AsyncSocketKey, NoKeyError

from tests.agent.harness import eventually
from tests.cli.agent import KEY, NEW, OLD, Agent, ReceivedRequest, answer, key

Run = Callable[[Callable[[], Coroutine[object, object, None]]], None]


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run an async function to its end, in a loop of this kind."""
    if request.param == "trio":
        return trio.run
    return lambda function: asyncio.run(function())


@pytest.fixture
def frozen(agent: Agent) -> Iterator[threading.Event]:
    """An agent that answers only once this is set."""
    event = threading.Event()

    def wait(_: ReceivedRequest) -> None:
        event.wait(60)

    agent.on_request = wait
    yield event
    event.set()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_read_and_waited_for(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "billing"
    billing = AsyncFileKey(path, wait=30)
    assert repr(billing) == f"AsyncFileKey({str(path)!r})"

    async def work() -> None:
        writer = threading.Timer(0.2, path.write_text, [KEY])
        writer.start()
        assert await billing() == KEY
        writer.join()

    run(work)


def test_the_agent_is_asked_and_told(run: Run, agent: Agent) -> None:
    billing = AsyncSocketKey("billing")
    assert repr(billing).startswith("AsyncSocketKey('billing', socket=")
    agent.script += [key(), answer(202, {}), [key()[:50], key()[50:]]]

    async def work() -> None:
        assert await billing() == KEY
        assert not await billing.rejected()
        assert await billing() == KEY

    run(work)
    assert agent.requests[1].body == f'{{"tag": "{OLD}"}}'


def test_one_object_serves_loop_after_loop(run: Run, agent: Agent) -> None:
    billing = AsyncSocketKey("billing")

    async def work() -> None:
        assert await billing() == KEY

    for _ in range(3):
        agent.script.append(key())
        run(work)


def test_a_missing_agent_is_waited_for_and_told_of(run: Run, tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(NoKeyError, match="there is no such socket"):
            await AsyncSocketKey("billing", tmp_path / "none", wait=0.2)()

    run(work)


def test_a_task_reports_the_key_that_it_was_given_on_asyncio(agent: Agent) -> None:
    billing = AsyncSocketKey("billing")
    agent.script += [key(), key(NEW, secret="sk-new"), answer(202, {})]

    async def work() -> None:
        assert await billing() == KEY
        assert await asyncio.create_task(billing()) == "sk-new"
        await billing.rejected()

    asyncio.run(work())
    assert agent.requests[2].body == f'{{"tag": "{OLD}"}}'


def test_others_go_on_while_one_waits_on_trio(agent: Agent, frozen: threading.Event) -> None:
    agent.script.append(key())
    got: list[str] = []

    async def ask() -> None:
        got.append(await AsyncSocketKey("billing")())

    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            assert not got
            frozen.set()

    trio.run(work)
    assert got == [KEY]


def test_a_cancelled_call_leaves_nothing_on_trio(agent: Agent, frozen: threading.Event) -> None:

    before = open_files()

    async def work() -> None:
        with trio.move_on_after(0.1) as scope:
            await AsyncSocketKey("billing")()
        assert scope.cancelled_caught

    trio.run(work)
    frozen.set()
    eventually(lambda: open_files() <= before, "the connection closed at both ends")


def test_a_cancelled_call_leaves_nothing_on_asyncio(agent: Agent, frozen: threading.Event) -> None:

    before = open_files()

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await AsyncSocketKey("billing")()

    asyncio.run(work())
    frozen.set()
    eventually(lambda: open_files() <= before, "the connection closed at both ends")
