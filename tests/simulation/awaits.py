"""Kills or stops the agent at one of its awaits."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio.lowlevel import Task

    from tests.simulation.world import World

_OURS: Final = "freshkey"


class _Awaits(trio.abc.Instrument):
    """Counts how often the agent's tasks go on after an await; `reached` is told of one of them.

    That is the one after `number` others.
    """

    def __init__(self, world: World, number: int, reached: Callable[[Task], None]) -> None:
        self._world = world
        self._left = number
        self._reached = reached

    def before_task_step(self, task: Task) -> None:
        """See `trio.abc.Instrument`."""
        if self._world.is_dead or not _is_descendant(task, self._world.agent_task):
            return
        self._left -= 1
        if self._left == -1:
            self._reached(task)


@contextmanager
def _at(world: World, number: int, reached: Callable[[Task], None]) -> Iterator[None]:
    awaits = _Awaits(world, number, reached)
    trio.lowlevel.add_instrument(awaits)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(awaits)


async def kill_at_an_await(world: World, number: int) -> None:
    """Kill the agent where it goes on after so many more awaits; return when it is dead."""
    killed = trio.Event()

    def reached(task: Task) -> None:
        world.tell(f"killed at an await of {_place(task)}")
        world.kill()  # the task goes on to its next await, but reaches neither disk nor network
        killed.set()

    with _at(world, number, reached):
        await killed.wait()


async def reach_an_await(world: World, number: int) -> None:
    """Return when the agent goes on after so many more awaits."""
    is_there = trio.Event()

    def reached(task: Task) -> None:
        world.tell(f"stopped at an await of {_place(task)}")
        is_there.set()

    with _at(world, number, reached):
        await is_there.wait()


def _is_descendant(task: Task | None, ancestor: Task | None) -> bool:
    """Whether a task is this one, or runs in a nursery of it or of a descendant."""
    while task is not None and task is not ancestor:
        task = task.parent_nursery and task.parent_nursery.parent_task
    return task is not None


def _place(task: Task) -> str:
    """Name the innermost function of the agent's in which a task waits."""
    name = "its beginning"
    waiting: object = task.coro
    while inspect.iscoroutine(waiting):
        if waiting.cr_frame and str(waiting.cr_frame.f_globals["__name__"]).startswith(_OURS):
            name = waiting.__qualname__
        waiting = waiting.cr_await
    return name
