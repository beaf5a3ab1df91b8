"""Serves the sockets under one configuration after the other, and runs the hooks of each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, final

import trio

from freshkey.daemon.control import Control
from freshkey.daemon.status import Reporter
from freshkey.host.clock import boot_time
from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.runs import Runs
from freshkey.sockets.server import Limits, ServerStop, serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freshkey.core.model.events import Event
    from freshkey.daemon.assembly import Parts, ProcessParts
    from freshkey.daemon.endpoints import Listeners
    from freshkey.daemon.gateway import GatewayServing
    from freshkey.daemon.permissions import Permissions
    from freshkey.logs.audit import Audit
    from freshkey.serve.framing import Request
    from freshkey.serve.responses import Later, Response, Stream
    from freshkey.settings.model import Settings
    from freshkey.sockets.peers import Peer


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
        self._gateway: GatewayServing | None = None
        self._stops: tuple[ServerStop, ...] = ()
        self._newest: tuple[Routes, Audit]  # by `start`
        self._hooks_ended = trio.Event()
        self._hooks_ended.set()

    async def start(self, parts: Parts, permissions: Permissions) -> None:
        """Serve, and run hooks, until `release`."""
        clock, counters = self._process.clock, self._process.counters
        settings, environment = parts.settings, parts.environment
        keys, hooks = environment.published_keys, environment.hooks
        record, address = environment.recorder.audit, settings.vault.address or None
        reporter = Reporter(address, clock, environment.publisher, self._readers.of, hooks.trouble)
        control = Control(parts.loop, self._send, reporter, counters)
        access, audit = permissions.access, RequestAudit(record, counters.on_read)
        reading = Reading(keys, access, clock, audit, self._readers)
        gateway = self._gateway_for(settings, record)
        runs = Runs(
            None if gateway is None else gateway.access(settings, permissions.clients), keys, audit
        )
        notices = Notices(keys, access, control, audit, clock=clock)
        routes = Routes(keys, reading, notices, control, runs)
        self._newest = routes, record
        served = self._listeners.endpoints(settings, self._answer, reading)
        limits = Limits(settings.server.max_connections, settings.server.max_connections_per_uid)
        stop = ServerStop()
        serving = partial(serve, served, limits, commit=partial(self._flush, record), stop=stop)
        await self._servers.start(partial(_until_closed, serving, record))
        gateway_stop = None
        if gateway is not None:
            gateway.keys.follow(keys, control.report)
            listeners = self._listeners.of_gateway(settings)
            gateway_stop = await gateway.start(settings, permissions.clients, record, listeners)
        before, self._hooks_ended = self._hooks_ended, trio.Event()
        run = partial(hooks.run, stop.asked)
        self._servers.start_soon(_after, before, run, self._hooks_ended)
        self._stops = (stop,) if gateway_stop is None else (stop, gateway_stop)

    async def release(self) -> None:
        """Accept nobody more; return when another configuration may have the listeners."""
        if self._gateway is not None:
            self._gateway.expect_runs()
        for stop in self._stops:
            stop.asked.set()
        for stop in self._stops:
            await stop.released.wait()

    def close(self) -> None:
        """Have the gateway's connections come to their end, too: no configuration follows."""
        if self._gateway is not None:
            self._gateway.close()

    def _answer(self, request: Request, peer: Peer) -> Response | Later | Stream:
        """Answer by the rules of the newest configuration, whoever had accepted the connection."""
        routes, _ = self._newest
        return routes.answer(request, peer)

    def _flush(self, record: Audit) -> None:
        """Write the record of answers: of a server that ends, some are in that of its successor."""
        record.flush()
        _, newest = self._newest
        if newest is not record:
            newest.flush()

    def _gateway_for(self, settings: Settings, record: Audit) -> GatewayServing | None:
        """Return the gateway, if it is on, or was before."""
        if self._gateway is None and settings.gateway.is_on:
            from freshkey.daemon.gateway import GatewayServing  # noqa: PLC0415 - 8 ms, and most agents have no gateway

            self._gateway = GatewayServing(self._servers, self._process.counters, record)
        return self._gateway


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
