"""The hooks of one key in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.core.model.policy import HookEvent
from freshkey.hooks.key_hooks import KeyHooks
from freshkey.hooks.performing import Occasion, Outcome
from freshkey.settings.keys import HookSettings
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict


class Programs:
    """Stands in for what hooks run: each takes `seconds`, and fails while it is in `broken`."""

    def __init__(self) -> None:
        self.seconds = 1.0
        self.broken: set[str] = set()
        self.begun: list[tuple[float, str, int]] = []
        self.remembered: list[int] = []
        self.at_once = 0
        self.most_at_once = 0

    async def perform(self, hook: HookSettings, occasion: Occasion) -> Outcome:
        name = hook.command[0]
        self.begun.append((trio.current_time(), name, occasion.generation))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.at_once -= 1
        return Outcome("ended with status 1") if name in self.broken else Outcome()

    def hooks(self, *events: HookEvent, done: int = 0) -> KeyHooks:
        """Hooks with the names a, b, c …"""
        hooks = [
            HookSettings(on=event, command=(chr(ord("a") + index),))
            for index, event in enumerate(events)
        ]
        return KeyHooks(hooks, done, self.remembered.append, lambda _: 1.0, self.perform)

    def ran(self) -> list[tuple[str, int]]:
        return [(name, generation) for _, name, generation in self.begun]


def publish(hooks: KeyHooks, generation: int) -> None:
    hooks.published(Occasion("billing", generation, f"{generation}-0123abcd"))


def trouble(hooks: KeyHooks) -> str | None:
    return hooks.trouble.fault.message if hooks.trouble else None


@pytest.fixture
def programs() -> Programs:
    return Programs()


@pytest.fixture
def told() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


async def test_one_at_a_time_in_order(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hooks = programs.hooks(HookEvent.BOTH, HookEvent.FIRST, HookEvent.ROTATE)
    nursery.start_soon(hooks.run)
    publish(hooks, 1)
    await trio.sleep(10)
    assert programs.ran() == [("a", 1), ("b", 1)]
    publish(hooks, 2)
    await trio.sleep(10)
    assert programs.ran()[2:] == [("a", 2), ("c", 2)]
    assert programs.most_at_once == 1
    assert programs.remembered == [1, 2]


async def test_only_the_newest_publish_counts(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hooks = programs.hooks(HookEvent.ROTATE, HookEvent.ROTATE, done=1)
    nursery.start_soon(hooks.run)
    publish(hooks, 2)
    await trio.sleep(0.5)
    for generation in (3, 4, 5):
        publish(hooks, generation)
    await trio.sleep(10)
    assert programs.ran() == [("a", 2), ("a", 5), ("b", 5)]
    assert programs.most_at_once == 1


async def test_a_publish_that_is_told_of_again_runs_nothing(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hooks = programs.hooks(HookEvent.BOTH)
    nursery.start_soon(hooks.run)
    for _ in range(3):
        publish(hooks, 1)
        await trio.sleep(5)
    assert programs.ran() == [("a", 1)]


async def test_what_an_agent_before_has_done_is_not_done_again(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    hooks = programs.hooks(HookEvent.BOTH, done=4)
    nursery.start_soon(hooks.run)
    publish(hooks, 4)
    await trio.sleep(5)
    assert programs.ran() == []
    publish(hooks, 5)
    await trio.sleep(5)
    assert programs.ran() == [("a", 5)]


async def test_what_failed_is_tried_again_and_holds_nothing_back(
    programs: Programs,
    nursery: trio.Nursery,
    told: list[EventDict],
    autojump_clock: trio.testing.MockClock,
) -> None:
    programs.broken = {"a"}
    programs.seconds = 0
    hooks = programs.hooks(HookEvent.BOTH, HookEvent.BOTH)
    nursery.start_soon(hooks.run)
    started = trio.current_time()
    publish(hooks, 1)
    await trio.sleep(20)
    assert programs.ran()[:3] == [("a", 1), ("b", 1), ("a", 1)]
    times = [round(at - started) for at, name, _ in programs.begun if name == "a"]
    assert times == [0, 1, 3, 7, 15]
    assert programs.remembered == []
    failed = [line for line in told if line["event"] == "hook.failed"]
    assert [line["attempt"] for line in failed] == [1, 2, 4]
    assert failed[0]["message"] == "ended with status 1"
    assert trouble(hooks) == "hooks[0]: ended with status 1"
    programs.broken = set()
    await trio.sleep(20)
    assert trouble(hooks) is None
    assert programs.remembered == [1]


async def test_the_first_publish_is_told_of_once_although_another_hook_fails(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    programs.broken = {"b", "c"}
    hooks = programs.hooks(HookEvent.FIRST, HookEvent.BOTH, HookEvent.FIRST)
    nursery.start_soon(hooks.run)
    publish(hooks, 1)
    await trio.sleep(30)
    programs.broken = {"b"}
    publish(hooks, 2)
    await trio.sleep(30)
    programs.broken = set()
    publish(hooks, 3)
    await trio.sleep(30)
    worked = [run for run in programs.ran() if run[0] != "b"]
    assert worked.count(("a", 1)) == 1
    assert set(worked) == {("a", 1), ("c", 1), ("c", 2)}
    assert programs.remembered == [3]


async def test_the_next_generation_ends_the_backoff(
    programs: Programs, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    programs.broken = {"a"}
    programs.seconds = 0
    hooks = programs.hooks(HookEvent.ROTATE, done=1)
    nursery.start_soon(hooks.run)
    publish(hooks, 2)
    await trio.sleep(130)
    tried = len(programs.begun)
    programs.broken = set()
    publish(hooks, 3)
    await trio.sleep(0.1)
    assert programs.ran()[tried:] == [("a", 3)]
    await trio.sleep(300)
    assert len(programs.begun) == tried + 1


async def test_a_day_of_failures_is_about_a_try_a_minute(
    programs: Programs,
    nursery: trio.Nursery,
    told: list[EventDict],
    autojump_clock: trio.testing.MockClock,
) -> None:
    programs.broken = {"a"}
    hooks = programs.hooks(HookEvent.BOTH)
    nursery.start_soon(hooks.run)
    publish(hooks, 1)
    await trio.sleep(24 * 3600)
    assert 1400 < len(programs.begun) < 1450
    assert len(told) == 11
