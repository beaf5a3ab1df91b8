"""The map of the agent: what is opened in which order, and closed in the opposite one.

The state directory's lock comes first and goes last (`startup.py`). Inside it the sockets, which
serve what the journal held before Vault has answered; inside that the main loop (`loop.py`), whose
end ends all. A reload begins the inner part anew, with the state that the loop came to.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, final

import structlog
import trio

from freshkey import __version__
from freshkey.core.agent.step import holds_of_vault
from freshkey.daemon.assembly import Before, ProcessParts, assemble
from freshkey.daemon.config_watch import watch_config
from freshkey.daemon.endpoints import Listeners
from freshkey.daemon.hardening import allow_connections
from freshkey.daemon.reload import Reloads
from freshkey.daemon.service_manager import ServiceManager
from freshkey.daemon.serving import Serving
from freshkey.daemon.work import work
from freshkey.host.notify import notify
from freshkey.logs.setup import configure
from freshkey.settings.desired_state import pausing_policy

if TYPE_CHECKING:
    from freshkey.core.model.events import Event
    from freshkey.daemon.config_file import ConfigFile
    from freshkey.daemon.loop import Loop
    from freshkey.outputs.state_dir import StateDirectory
    from freshkey.settings.model import Settings

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


async def run(settings: Settings, file: ConfigFile, directory: StateDirectory) -> int:
    """Run the daemon until SIGTERM or SIGINT; return the exit status.

    The settings are what `file` said.
    """
    with Listeners() as listeners:
        # First: a start that fails for want of a socket has told and removed nothing.
        listeners.open(settings)
        daemon = Daemon(settings, file, directory, listeners)
        async with trio.open_nursery() as outer:
            await outer.start(daemon.obey_signals)
            outer.start_soon(watch_config, file, daemon.reloads.request_changed)
            outer.start_soon(daemon.manager.run)
            log.info("agent.started", version=__version__, keys=list(settings.keys))
            await daemon.run()
            outer.cancel_scope.cancel()
    log.info("agent.stopped")
    return 0


@final
class Daemon:
    """What lives as long as the process; `_run_configuration` is one configuration's part of it."""

    def __init__(
        self,
        settings: Settings,
        file: ConfigFile,
        directory: StateDirectory,
        listeners: Listeners,
    ) -> None:
        self._listeners = listeners
        self.process = ProcessParts.of(directory)
        self._loop: Loop | None = None  # None between two of them
        self._for_the_next: list[Event] = []
        self._is_stopping = False
        self.manager = ServiceManager(self.process.clock)
        self.reloads = Reloads(settings, file, listeners.open, self.manager, self._is_vault_needed)

    async def run(self) -> None:
        """Serve and work until the end, under one configuration after the other."""
        async with trio.open_nursery() as servers:
            serving = Serving(self._listeners, self.process, self.send, servers)
            before = await self._run_configuration(serving, None)
            while before is not None:
                before = await self._run_configuration(serving, before)

    def stop(self) -> None:
        """Have `run` end in order."""
        self._is_stopping = True
        self.reloads.close()
        notify(STOPPING=1)
        if self._loop is not None:
            self._loop.stop()

    async def _run_configuration(self, serving: Serving, before: Before | None) -> Before | None:
        """Serve and work until the end, None, or until a reload, whose call goes on from that."""
        settings = self.reloads.current
        if before is not None:
            configure(settings.log.level, settings.log.format)
        allow_connections(settings)
        parts = assemble(settings, self.process, before=before)
        self._loop = parts.loop
        for event in self._for_the_next:
            parts.loop.send(event)
        self._for_the_next.clear()
        if self._is_stopping:
            parts.loop.stop()
        self._listeners.take_over(settings)
        await serving.start(parts, self.reloads.permissions)
        self.manager.watch(parts.environment.published_keys, parts.loop.stepped_at)
        await work(parts, partial(self._pause_to_reload, reloaded=before is not None))
        self._loop = None
        self._for_the_next += parts.loop.not_taken()
        self._listeners.end_waits(self.reloads.current if parts.loop.is_paused else None)
        await serving.release()
        if parts.loop.is_paused:
            return Before.of(parts)
        serving.close()
        parts.environment.keeper.close(parts.loop.state)
        self._listeners.close()
        return None

    def _is_vault_needed(self) -> bool:
        return self._loop is None or holds_of_vault(self._loop.state)

    def send(self, event: Event) -> None:
        """Hand an event to the main loop that runs, or to the next one."""
        if self._loop is None:
            self._for_the_next.append(event)
        else:
            self._loop.send(event)

    async def obey_signals(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """End in order on SIGTERM and SIGINT, read the configuration anew on SIGHUP."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self.reloads.request()
                else:
                    self.stop()

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
