"""Runs the main loop, and what sends it events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from freshkey.daemon.disk_watch import watch_disk
from freshkey.daemon.executor import RemoteExecutor
from freshkey.daemon.token_watch import watch_token
from freshkey.settings.auth import TokenAuth

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freshkey.core.model.state import AgentState
    from freshkey.daemon.assembly import Parts
    from freshkey.daemon.loop import Loop

HEAD_START: Final = 0.05  # seconds for who waits for a key of the journal, before all slow imports


async def work(
    parts: Parts,
    companion: Callable[[Loop], Awaitable[None]] | None = None,
    until: Callable[[AgentState], bool] = lambda _: False,
) -> None:
    """Run the main loop to its end, with `companion`, which is cancelled then.

    A state for which `until` holds asks the loop to end.
    """
    settings, loop = parts.settings, parts.loop
    executor = RemoteExecutor(settings, loop.send, parts.environment.counters)
    held = any(key.current for key in loop.state.keys)
    async with trio.open_nursery() as beside:
        beside.start_soon(executor.prepare, HEAD_START if held else 0)
        beside.start_soon(watch_disk, parts.environment, loop)
        if companion is not None:
            beside.start_soon(companion, loop)
        if isinstance(settings.auth, TokenAuth) and settings.auth.token_file is not None:
            beside.start_soon(watch_token, settings.auth.token_file, loop.token, loop.send)
        await loop.run(executor, until)
        beside.cancel_scope.cancel()
    await executor.aclose()
