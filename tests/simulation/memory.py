"""7. An agent runs for months: what it holds may grow with keys and clients, not with time."""

from __future__ import annotations

import gc
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import trio
from freshkey.logs.redact import Redactor

from tests.simulation.broken import BrokenError
from tests.simulation.histories import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.run import Outcome
    from tests.simulation.world import World

_ENTRIES: Final = 64  # of a container and those in it, for any number of keys
_ENTRIES_OF_KEY: Final = 32  # and for each key
_LONGEST_MINUTE: Final = 512  # the same, of a minute's mints, whose number is bounded by 4
_LONGEST_MASKS: Final = 8192  # the same, of the log's masks: 256 secrets in all their forms
_TASKS: Final = 40
_TASKS_OF_KEY: Final = 10
_JOURNAL: Final = 4096  # bytes, and as many for each key
_CONTAINERS: Final = (dict, list, set, tuple, frozenset, deque)
_OURS: Final = "freshkey."


def memory_is_bounded(outcome: Outcome) -> None:
    """Look at what was found."""
    if (found := outcome.world.overgrown) is not None:
        raise BrokenError(7, found)


async def watch_memory(world: World) -> None:
    """Look when a fault is over, too: what it has made grow may be let go of by the end."""
    ends = [one.at + one.seconds for one in world.history.incidents if one.kind in WINDOWS]
    for end in sorted(ends):
        while (left := end - world.elapsed) > 0:  # noqa: ASYNC110 - the clock is virtual
            await trio.sleep(left)
        world.note_disk()
        look_at_memory(world)


def look_at_memory(world: World) -> None:
    """Look at all that the agent's objects and modules hold, at its tasks, and at its journal."""
    if world.overgrown is None:
        world.overgrown = next(_overgrown(world), None)


def _overgrown(world: World) -> Iterator[str]:
    """List what holds more than it may."""
    keys = len(world.history.keys)
    for owner, name, entries in (*_of_objects(), *_of_modules()):
        most = _ENTRIES + _ENTRIES_OF_KEY * keys
        most = _LONGEST_MINUTE if name == "mints" else most
        most = _LONGEST_MASKS if owner == Redactor.__name__ else most
        if entries > most:
            yield f"{owner}.{name} holds {entries} entries at {world.elapsed:.3f}"
    root = trio.lowlevel.current_root_task()
    tasks = 0 if root is None else sum(1 for _ in _tasks(root))
    if tasks > _TASKS + _TASKS_OF_KEY * keys:
        yield f"{tasks} tasks run at {world.elapsed:.3f}"
    if world.journal_bytes > _JOURNAL * (1 + keys):
        yield f"the journal has {world.journal_bytes} bytes"


def _of_objects() -> Iterator[tuple[str, str, int]]:
    """Count what instances of the agent's classes hold, by their attributes."""
    ours: dict[type, bool] = {}
    for thing in gc.get_objects():
        kind = type(thing)
        if kind not in ours:
            ours[kind] = str(kind.__module__).startswith(_OURS)
        if ours[kind]:
            held = getattr(thing, "__dict__", None) or {
                name: getattr(thing, name, None) for name in getattr(kind, "__slots__", ())
            }
            for name, value in held.items():
                yield kind.__name__, name, _entries(value)


def _of_modules() -> Iterator[tuple[str, str, int]]:
    """Count what modules hold that can grow, and caches of functions that have no bound."""
    for module in [one for name, one in sys.modules.items() if name.startswith(_OURS)]:
        for name, value in vars(module).items():
            if hasattr(value, "cache_info"):
                cached = value.cache_info()
                yield module.__name__, name, 0 if cached.maxsize else cached.currsize
            elif isinstance(value, (dict, list, set, deque)) and not name.startswith("__"):
                yield module.__name__, name, _entries(value)


def _entries(value: Any) -> int:  # noqa: ANN401 - anything
    """Count the entries of a container, and of those in it."""
    if not isinstance(value, _CONTAINERS):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return len(value) + sum(map(_entries, inner))


def _tasks(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _tasks(child)
