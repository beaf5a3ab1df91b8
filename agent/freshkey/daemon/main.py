"""The map of the agent: what is opened in which order, and closed in the opposite one.

The state directory's lock comes first and goes last. Inside it the sockets, which serve what the
journal held before Vault has answered; inside that the main loop (`loop.py`), whose end ends all.
A reload begins the inner part anew, with the state that the loop came to.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, final

import structlog
import trio

from freshkey import __version__
from freshkey.core.model.events import StopRequested
from freshkey.core.model.faults import FaultError
from freshkey.daemon.assembly import Lasting, assemble
from freshkey.daemon.config_watch import watch_config
from freshkey.daemon.control import Control
from freshkey.daemon.counters import Counters
from freshkey.daemon.endpoints import Listeners
from freshkey.daemon.hardening import allow_connections, secure, warn_of_swap
from freshkey.daemon.once import get_keys
from freshkey.daemon.reload import Reloads
from freshkey.daemon.service_manager import ServiceManager
from freshkey.daemon.status import Reporter
from freshkey.daemon.work import work
from freshkey.host.clock import WallClock, boot_time
from freshkey.host.notify import notify
from freshkey.logs.setup import configure
from freshkey.logs.standard_error import tell
from freshkey.outputs.state_dir import StateDirectory
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.server import Limits, ServerStop, serve
from freshkey.settings.desired_state import pausing_policy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from freshkey.core.model.ledger import Ledger
    from freshkey.daemon.assembly import Parts
    from freshkey.daemon.loop import Loop
    from freshkey.settings.model import Settings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def run(
    settings: Settings, config: Path, load: Callable[[], Settings], *, lock_memory: bool = False
) -> int:
    """Run the daemon until SIGTERM or SIGINT; return the exit status.

    `load` reads the configuration at `config` anew; it raises SettingsError with every fault.
    """
    daemon = partial(_run, settings, config, load)
    return _locked(settings, daemon, lock_memory=lock_memory)


def once(settings: Settings, timeout: float) -> int:
    """Get every key within `timeout` seconds, for a `run` that follows; return the exit status."""
    return _locked(settings, partial(get_keys, settings, timeout))


def _locked(
    settings: Settings,
    main: Callable[[StateDirectory], Awaitable[int]],
    *,
    lock_memory: bool = False,
) -> int:
    configure(settings.log.level, settings.log.format)
    secure(lock_memory=lock_memory)
    state = settings.state
    try:
        with StateDirectory.open(state.directory, allow_disk=state.allow_disk) as directory:
            warn_of_swap(settings)
            return trio.run(main, directory)
    except FaultError as error:
        tell(f"freshkey: {error.fault.message}")
        return 1


async def _run(
    settings: Settings, config: Path, load: Callable[[], Settings], directory: StateDirectory
) -> int:
    with Listeners() as listeners:
        # First: a start that fails for want of a socket has told and removed nothing.
        listeners.open(settings)
        daemon = _Daemon(settings, load, directory, listeners)
        async with trio.open_nursery() as outer:
            await outer.start(daemon.obey_signals)
            outer.start_soon(watch_config, config, daemon.reloads.request)
            outer.start_soon(daemon.manager.run)
            log.info("agent.started", version=__version__, keys=list(settings.keys))
            async with trio.open_nursery() as servers:
                ledger = await daemon.live(servers, None)
                while ledger is not None:
                    ledger = await daemon.live(servers, ledger)
            outer.cancel_scope.cancel()
    log.info("agent.stopped")
    return 0


@final
class _Daemon:
    """What lives as long as the process; `live` is one configuration's part of it."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        directory: StateDirectory,
        listeners: Listeners,
    ) -> None:
        self._listeners = listeners
        self._lasting = Lasting(directory, WallClock(), Counters())
        self._readers = Readers(boot_time)
        self._loop: Loop | None = None
        self._is_stopping = False
        self.manager = ServiceManager(self._lasting.clock)
        self.reloads = Reloads(settings, load, listeners.open, self.manager)

    async def live(self, servers: trio.Nursery, ledger: Ledger | None) -> Ledger | None:
        """Serve and work until the end, None, or until a reload, whose `live` goes on from that.

        What of the server is still under way then comes to its end in `servers`.
        """
        settings = self.reloads.current
        if ledger is not None:
            configure(settings.log.level, settings.log.format)
        allow_connections(settings)
        parts = assemble(settings, self._lasting, ledger=ledger)
        self._loop = parts.loop
        if self._is_stopping:
            parts.loop.send(StopRequested())
        server = await self._serve(parts, servers)
        self.manager.watch(parts.environment.published_keys, parts.loop.turned_at)
        self._listeners.close_others(settings)
        await work(parts, partial(self._pause_to_reload, reloaded=ledger is not None))
        server.asked.set()
        await server.released.wait()
        if self.reloads.current is settings:
            parts.environment.keeper.close(parts.loop.state)
            self._listeners.close()
            return None
        return parts.environment.keeper.ledger(parts.loop.state)

    async def obey_signals(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """End in order on SIGTERM and SIGINT, read the configuration anew on SIGHUP."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self.reloads.request()
                    continue
                self._is_stopping = True
                notify(STOPPING=1)
                if self._loop is not None:
                    self._loop.send(StopRequested())

    async def _serve(self, parts: Parts, servers: trio.Nursery) -> ServerStop:
        """Serve the sockets, and run hooks; return what ends that."""
        _, clock, counters = self._lasting
        settings, environment = parts.settings, parts.environment
        keys, hooks = environment.published_keys, environment.hooks
        record, publisher = environment.recorder.audit, environment.publisher
        reporter = Reporter(
            settings.vault.address,
            clock,
            publisher,
            self._readers.of,
            hooks.trouble,
        )
        control, access = Control(parts.loop, reporter, counters), Access.of(settings.keys)
        audit = RequestAudit(record, counters.on_read)
        reading = Reading(keys, access, clock, audit, self._readers)
        routes = Routes(keys, reading, Notices(keys, access, control, audit), control)
        served = self._listeners.endpoints(settings, routes.answer, reading)
        limits = Limits(settings.server.max_connections, settings.server.max_connections_per_uid)
        stop = ServerStop()
        await servers.start(partial(serve, served, limits, commit=record.flush, stop=stop))
        servers.start_soon(hooks.run, stop.asked)
        return stop

    async def _pause_to_reload(self, loop: Loop, *, reloaded: bool) -> None:
        """Wait for another configuration, and have the loop end for it.

        It begins after the loop's first step: then all is as the configuration says.
        """
        if reloaded:
            self.manager.end_reload(refused=False)
            log.info("reload.done")
        before = self.reloads.current
        await self.reloads.next()
        loop.pause(pausing_policy(before))
