"""Gets every key once, for a `run` that follows and goes on with them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, final

import trio

from freshkey.core.keys.lifecycle import view
from freshkey.core.model.events import StopRequested
from freshkey.daemon.assembly import ProcessParts, assemble
from freshkey.daemon.missing_keys import why_missing
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
    stop = _Stop(loop)
    async with trio.open_nursery() as outer:
        await outer.start(stop.on_signal)
        outer.start_soon(stop.after, seconds)
        await work(parts, until=_complete)
        outer.cancel_scope.cancel()
    parts.environment.keeper.close(loop.state)
    if _complete(loop.state):
        return 0
    for key in loop.state.keys:
        if not _is_settled(key):
            why = stop.why_missing(key, settings.vault.address)
            tell(f"freshkey: keys.{key.name}: {why}")
    return 1


@final
class _Stop:
    """Has the loop end before its work is done, and remembers what it waited for by then."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._state: AgentState | None = None
        self._seconds: float | None = None

    async def after(self, seconds: float) -> None:
        """End it when the time is up."""
        await trio.sleep(seconds)
        self._seconds = None if self._state else seconds
        self._end()

    async def on_signal(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """End in order on SIGTERM and SIGINT; SIGHUP must not end it."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number != signal.SIGHUP:
                    self._end()

    def why_missing(self, key: KeyState, address: str) -> str:
        """Say what a key has not come to, as the loop has left it, and why."""
        missing = "no key" if key.current is None else "not done"
        within = "when it was stopped" if self._seconds is None else f"within {self._seconds:g} s"
        what = f"{missing} {within}"
        state = self._loop.state
        fault = view(key, state.tokens, state.link).fault
        # What the stop itself has cut off is not why there is no key.
        if self._state is not None and (fault is None or fault.unanswered):
            before = {earlier.name: earlier for earlier in self._state.keys}
            return f"{what}: {why_missing(before.get(key.name, key), self._state, address)}"
        return f"{what}: {why_missing(key, state, address)}"

    def _end(self) -> None:
        self._state = self._state or self._loop.state
        self._loop.send(StopRequested())


def _complete(state: AgentState) -> bool:
    """Whether every key is published, and its lease known to live."""
    return all(map(_is_settled, state.keys))


def _is_settled(key: KeyState) -> bool:
    if key.removed:
        return True
    written = not key.publishing and not key.write_failures
    held = key.current is not None and key.confirmed and not key.outdated
    return held and written
