"""What applications import, with the real agent: it restarts, and its key is refused."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from freshkey.client import FileKey, NoKeyError, SetupError, SocketKey

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent, Engine


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    made = make_agent()
    made.start()
    made.wait_for_key()
    return made


@pytest.fixture
def billing(agent: Agent) -> SocketKey:
    return SocketKey("billing", agent.directory / "freshkey.sock")


def test_file_and_socket_have_the_same_key(
    agent: Agent, billing: SocketKey, engine: Engine
) -> None:
    assert FileKey(agent.key_file)() == billing()
    assert engine.works(billing())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_threads_go_on_while_the_agent_is_started_again(
    agent: Agent, billing: SocketKey, engine: Engine, number: signal.Signals
) -> None:
    ended = threading.Event()
    got: list[list[str]] = [[] for _ in range(4)]
    failed: list[NoKeyError] = []

    def ask(keys: list[str]) -> None:
        while not ended.wait(0.002):
            try:
                keys.append(billing())
            except NoKeyError as error:
                failed.append(error)

    threads = [threading.Thread(target=ask, args=[keys]) for keys in got]
    for thread in threads:
        thread.start()
    eventually(lambda: all(len(keys) > 10 for keys in got), "the first keys")
    agent.end(number)
    eventually(lambda: all(len(keys) > 50 for keys in got), "keys without an agent")
    agent.start()
    agent.wait_for_key()
    ended.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert set().union(*got) == {billing()}
    assert engine.counts()["mints"] == 1


def test_a_report_has_a_revoked_key_replaced(
    agent: Agent, billing: SocketKey, engine: Engine
) -> None:
    refused, tag = billing(), agent.wait_for_key()["tag"]
    engine.delete_account()
    assert not billing.rejected()
    agent.wait_for_key(other_than=tag)
    next_key = billing()
    assert engine.works(next_key)
    assert billing.rejected(refused), "another one is published"

    def told() -> bool:  # a thread writes the log
        outcomes = [event["outcome"] for event in agent.logged("key.rejected")]
        return outcomes == ["accepted", "old_tag"]

    eventually(told, "both reports are on record")


def test_a_child_asks_for_itself(agent: Agent, billing: SocketKey) -> None:
    key = billing()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, billing().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        assert stream.read() == key
    os.waitpid(child, 0)
    readers = eventually(
        lambda: len(agent.status()["readers"]) > 1 and agent.status()["readers"], "two readers"
    )
    assert {reader["pid"] for reader in readers} >= {os.getpid(), child}


def test_a_name_that_is_not_configured(agent: Agent) -> None:
    with pytest.raises(SetupError, match="no key is called billin"):
        SocketKey("billin", agent.directory / "freshkey.sock")()


def test_an_agent_that_is_gone_for_good(agent: Agent, tmp_path: Path) -> None:
    agent.end()
    with pytest.raises(NoKeyError, match="start the agent"):
        SocketKey("billing", agent.directory / "freshkey.sock", wait=0.2)()
