"""Gets every key once, for a `run` that follows and goes on with them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import trio

from freshkey.core.keys.lifecycle import view
from freshkey.core.model.events import StopRequested
from freshkey.daemon.assembly import ProcessParts, assemble
from freshkey.daemon.work import work
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.daemon.loop import Loop
    from freshkey.outputs.state_dir import StateDirectory
    from freshkey.settings.model import Settings


async def get_keys(settings: Settings, seconds: float, directory: StateDirectory) -> int:
    """Get every key within so many seconds, which end with a stop in order, not a cancellation.

    Returns the exit status, and tells what is missing. Nothing runs hooks here: the `run` that
    follows sees that they are owed.
    """
    parts = assemble(settings, ProcessParts.of(directory), keep_on_stop=True)
    loop = parts.loop
    async with trio.open_nursery() as outer:
        await outer.start(_stop_on_signal, loop)
        outer.start_soon(_stop_after, seconds, loop)
        await work(parts, until=_complete)
        outer.cancel_scope.cancel()
    parts.environment.keeper.close(loop.state)
    if _complete(loop.state):
        return 0
    for key in loop.state.keys:
        if not _is_settled(key):
            fault = view(key, loop.state.tokens, loop.state.link).fault
            message = fault.message if fault else "stopped before there was a key"
            tell(f"freshkey: keys.{key.name}: {message}")
    return 1


def _complete(state: AgentState) -> bool:
    """Whether every key is published, and its lease known to live."""
    return all(map(_is_settled, state.keys))


def _is_settled(key: KeyState) -> bool:
    if key.removed:
        return True
    written = not key.publishing and not key.write_failures
    held = key.current is not None and key.confirmed and not key.outdated
    return held and written


async def _stop_after(seconds: float, loop: Loop) -> None:
    await trio.sleep(seconds)
    loop.send(StopRequested())


async def _stop_on_signal(
    loop: Loop, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """End in order on SIGTERM and SIGINT; SIGHUP must not end it."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number != signal.SIGHUP:
                loop.send(StopRequested())
