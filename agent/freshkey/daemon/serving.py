"""Serves the sockets under one configuration after the other, and runs the hooks of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, final

import trio

from freshkey.daemon.control import Control
from freshkey.daemon.status import Reporter
from freshkey.host.clock import boot_time
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.server import Limits, ServerStop, serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freshkey.core.model.events import Event
    from freshkey.daemon.assembly import Parts, ProcessParts
    from freshkey.daemon.endpoints import Listeners
    from freshkey.logs.audit import Audit


@final
class Serving:
    """Starts servers in the nursery `servers`, where what one leaves under way comes to its end.

    `send` takes events for the main loop.
    """

    def __init__(
        self,
        listeners: Listeners,
        process: ProcessParts,
        send: Callable[[Event], None],
        servers: trio.Nursery,
    ) -> None:
        self._listeners = listeners
        self._process = process
        self._send = send
        self._servers = servers
        self._readers = Readers(boot_time)
        self._hooks_ended = trio.Event()
        self._hooks_ended.set()

    async def start(self, parts: Parts) -> ServerStop:
        """Serve, and run hooks; return what ends that."""
        clock, counters = self._process.clock, self._process.counters
        settings, environment = parts.settings, parts.environment
        keys, hooks = environment.published_keys, environment.hooks
        record, address = environment.recorder.audit, settings.vault.address or None
        reporter = Reporter(address, clock, environment.publisher, self._readers.of, hooks.trouble)
        control = Control(parts.loop, self._send, reporter, counters)
        access, audit = Access.of(settings.keys), RequestAudit(record, counters.on_read)
        reading = Reading(keys, access, clock, audit, self._readers)
        notices = Notices(keys, access, control, audit, clock=clock)
        routes = Routes(keys, reading, notices, control)
        served = self._listeners.endpoints(settings, routes.answer, reading)
        limits = Limits(settings.server.max_connections, settings.server.max_connections_per_uid)
        stop = ServerStop()
        serving = partial(serve, served, limits, commit=record.flush, stop=stop)
        await self._servers.start(partial(_until_closed, serving, record))
        before, self._hooks_ended = self._hooks_ended, trio.Event()
        run = partial(hooks.run, stop.asked)
        self._servers.start_soon(_after, before, run, self._hooks_ended)
        return stop


async def _until_closed(
    serving: Callable[..., Awaitable[None]],
    record: Audit,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve, and close the record of it."""
    try:
        await serving(task_status=task_status)
    finally:
        record.close()


async def _after(before: trio.Event, run: Callable[[], Awaitable[None]], ended: trio.Event) -> None:
    """Run hooks once those of the configuration before have ended: one at a time for a key."""
    await before.wait()
    await run()
    ended.set()
