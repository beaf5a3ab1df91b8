"""What systemd is told, in virtual time, on a real socket."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.daemon.service_manager import ServiceManager, watchdog_interval
from freshkey.host.clock import WallClock
from freshkey.serve.published_keys import PublishedKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio.testing import MockClock


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """All that was said since the last call."""
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.setblocking(False)  # noqa: FBT003 - it takes no keyword

        def read() -> list[str]:
            lines: list[str] = []
            try:
                while True:
                    lines += channel.recv(4096).decode().splitlines()
            except BlockingIOError:
                return lines

        yield read


def shown(name: str, status: KeyStatus = KeyStatus.FRESH, lasts: float | None = 60.0) -> KeyView:
    end = None if lasts is None else trio.current_time() + lasts
    return KeyView(name, status, Publication(1, Secret(f"sk-{name}"), end))


def manager(
    keys: PublishedKeys, stepped_at: Callable[[], float] = trio.current_time
) -> ServiceManager:
    made = ServiceManager(WallClock(boot=trio.current_time))
    made.watch(keys, stepped_at)
    return made


async def pause(seconds: float = 0.0) -> None:
    await trio.sleep(seconds)
    await trio.testing.wait_all_tasks_blocked()


async def test_it_is_ready_when_every_key_is_published(
    told: Callable[[], list[str]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    keys = PublishedKeys(["billing", "search"])
    nursery.start_soon(manager(keys).run)
    await pause()
    assert told() == ["STATUS=billing: starting, search: starting", "WATCHDOG=1"]
    keys.show(shown("billing"))
    await pause()
    assert told() == ["STATUS=search: starting, billing: 60 s", "WATCHDOG=1"]
    keys.show(shown("search", lasts=None))
    await pause()
    assert told() == ["READY=1", "STATUS=billing: 60 s, search: no expiry", "WATCHDOG=1"]
    keys.show(KeyView("search", KeyStatus.WITHDRAWN))
    await pause()
    assert told() == ["STATUS=search: withdrawn, billing: 60 s", "WATCHDOG=1"], "ready only once"
    nursery.cancel_scope.cancel()


async def test_the_seconds_go_on(
    told: Callable[[], list[str]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    keys = PublishedKeys(["billing"])
    keys.show(shown("billing", KeyStatus.STALE, lasts=-3.5))
    nursery.start_soon(manager(keys).run)
    await pause()
    assert "STATUS=billing: -4 s stale" in told()
    await pause(12)
    assert "STATUS=billing: -14 s stale" in told()
    nursery.cancel_scope.cancel()


async def test_of_many_keys_those_are_named_that_end_first(
    told: Callable[[], list[str]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    keys = PublishedKeys([f"k{number}" for number in range(8)])
    for number in range(8):
        keys.show(shown(f"k{number}", lasts=100.0 - number))
    nursery.start_soon(manager(keys).run)
    await pause()
    assert "STATUS=k7: 93 s, k6: 94 s, k5: 95 s, k4: 96 s, k3: 97 s, and 3 more" in told()
    nursery.cancel_scope.cancel()


async def test_the_watchdog_hears_nothing_when_the_main_loop_stands_still(
    told: Callable[[], list[str]], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stepped_at = trio.current_time()
    keys = PublishedKeys(["billing"])
    nursery.start_soon(manager(keys, lambda: stepped_at).run)
    await pause(34)
    assert told().count("WATCHDOG=1") == 7, "one at once, and one every five seconds"
    await pause(60)
    assert told().count("WATCHDOG=1") <= 1
    stepped_at = trio.current_time()
    await pause(5)
    assert told().count("WATCHDOG=1") == 1
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": f"{os.getpid()}"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({}, None),
    ],
)
def test_how_often_the_watchdog_wants_to_hear(
    variables: dict[str, str], interval: float | None
) -> None:
    assert watchdog_interval(variables) == interval
