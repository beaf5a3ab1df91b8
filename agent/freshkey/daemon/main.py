"""The map of the agent: what is opened in which order, and closed in the opposite one.

The state directory's lock comes first and goes last. Inside it the socket, which serves what the
journal held before Vault has answered; inside that the main loop (`loop.py`), whose end ends all.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio

from freshkey import __version__
from freshkey.core.keys.lifecycle import view
from freshkey.core.keys.publishing import publication
from freshkey.core.model.events import StopRequested
from freshkey.core.model.faults import FaultError
from freshkey.daemon.control import Control
from freshkey.daemon.disk_watch import watch_disk
from freshkey.daemon.endpoints import endpoints, open_listeners
from freshkey.daemon.environment import AgentEnvironment
from freshkey.daemon.executor import RemoteExecutor
from freshkey.daemon.hardening import allow_connections, secure, warn_of_swap
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.daemon.loop import Loop
from freshkey.daemon.publisher import Publisher
from freshkey.daemon.recorder import Recorder
from freshkey.daemon.service_manager import ServiceManager
from freshkey.daemon.status import Reporter
from freshkey.daemon.token_watch import watch_token
from freshkey.hooks.done import DoneHooks
from freshkey.hooks.hooks import Hooks
from freshkey.host.clock import WallClock, boot_time
from freshkey.host.notify import notify
from freshkey.logs.audit import Audit
from freshkey.logs.setup import configure
from freshkey.logs.standard_error import tell
from freshkey.outputs.journal import Journal
from freshkey.outputs.state_dir import StateDirectory
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.published_keys import PublishedKeys
from freshkey.serve.readers import Readers
from freshkey.serve.reading import Reading
from freshkey.serve.routes import Routes
from freshkey.serve.server import Limits, serve
from freshkey.settings.auth import TokenAuth
from freshkey.settings.desired_state import desired_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.settings.model import Settings

HEAD_START: Final = 0.05  # seconds for who waits for a key of the journal, before all slow imports

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def run(settings: Settings, *, lock_memory: bool = False) -> int:
    """Run the daemon until SIGTERM or SIGINT; return the exit status."""
    return _locked(settings, partial(_run, settings), lock_memory=lock_memory)


def once(settings: Settings, timeout: float) -> int:
    """Get every key within `timeout` seconds, for a `run` that follows; return the exit status."""
    return _locked(settings, partial(_once, settings, timeout))


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


async def _run(settings: Settings, directory: StateDirectory) -> int:
    clock, published_keys, readers = WallClock(), PublishedKeys(settings.keys), Readers(boot_time)
    allow_connections(settings)
    # First: a start that fails for want of a socket has told and removed nothing.
    listeners = open_listeners(settings)
    environment, loop = _agent(settings, directory, clock, published_keys, keep_on_stop=False)
    hooks, record = environment.hooks, environment.recorder.audit
    reporter = Reporter(
        settings.vault.address, clock, environment.publisher, readers.of, hooks.trouble
    )
    control, access, audit = Control(loop, reporter), Access.of(settings.keys), RequestAudit(record)
    reading = Reading(published_keys, access, clock, audit, readers)
    notices = Notices(published_keys, access, control, audit)
    routes = Routes(published_keys, reading, notices, control)
    served = endpoints(settings, listeners, routes.answer, reading)
    limits = Limits(settings.server.max_connections, settings.server.max_connections_per_uid)
    log.info("agent.started", version=__version__, keys=list(settings.keys))
    async with trio.open_nursery() as outer:
        await outer.start(_stop_on_signal, loop)
        if "NOTIFY_SOCKET" in os.environ:
            outer.start_soon(ServiceManager(published_keys, clock, loop.turned_at).run)
        async with trio.open_nursery() as server:
            ended = trio.Event()
            await server.start(partial(serve, served, limits, commit=record.flush, stop=ended))
            server.start_soon(hooks.run, ended)
            await _work(settings, environment, loop)
            ended.set()
        outer.cancel_scope.cancel()
    log.info("agent.stopped")
    return 0


async def _once(settings: Settings, timeout: float, directory: StateDirectory) -> int:  # noqa: ASYNC109 - the end of it is a stop in order, not a cancellation
    # Nothing runs hooks here: the `run` that follows sees that they are owed.
    environment, loop = _agent(
        settings, directory, WallClock(), PublishedKeys(settings.keys), keep_on_stop=True
    )
    async with trio.open_nursery() as outer:
        await outer.start(_stop_on_signal, loop)
        outer.start_soon(_stop_after, timeout, loop)
        await _work(settings, environment, loop, until=_complete)
        outer.cancel_scope.cancel()
    if _complete(loop.state):
        return 0
    for key in loop.state.keys:
        if not _is_settled(key):
            fault = view(key, loop.state.tokens, loop.state.link).fault
            message = fault.message if fault else "stopped before there was a key"
            tell(f"freshkey: keys.{key.name}: {message}")
    return 1


def _agent(
    settings: Settings,
    directory: StateDirectory,
    clock: WallClock,
    published_keys: PublishedKeys,
    *,
    keep_on_stop: bool,
) -> tuple[AgentEnvironment, Loop]:
    """Make the main loop, with the state that the journal holds, and what it acts on."""
    recorder = Recorder(Audit(settings.log.audit_file), clock)
    publisher = Publisher(settings, clock)
    keeper = _keeper(settings, directory, keep_on_stop=keep_on_stop)
    adopted = _restored(keeper, publisher, recorder)
    hooks = _hooks(settings, directory, adopted)
    environment = AgentEnvironment(clock, keeper, publisher, published_keys, recorder, hooks)
    return environment, Loop(keeper.desired_state.policy, adopted, environment)


def _keeper(settings: Settings, directory: StateDirectory, *, keep_on_stop: bool) -> JournalKeeper:
    """Make what keeps the journal, if there is to be one; `keep_on_stop`: see `desired_state`."""
    persist = settings.state.persist
    if not persist:
        Journal(directory).remove()
    return JournalKeeper(
        directory, desired_state(settings, keep_on_stop=keep_on_stop), persist=persist
    )


def _restored(keeper: JournalKeeper, publisher: Publisher, recorder: Recorder) -> AgentState:
    """Return the state that the journal holds."""
    adopted = keeper.restore()
    for record in adopted.records:
        recorder.record(record)
    publisher.remove_left(adopted.files)
    for key in adopted.state.keys:
        publisher.remember(key.name, publication(key, adopted.state.tokens))
    return adopted.state


def _hooks(settings: Settings, directory: StateDirectory, adopted: AgentState) -> Hooks:
    """Make what runs hooks, with what an agent before this one has left to run."""
    come_to = {
        key.name: key.generation
        for key in adopted.keys
        if not key.removed and settings.keys[key.name].hooks
    }
    done = DoneHooks(directory if settings.state.persist else None, come_to)
    return Hooks(settings.keys, done)


async def _work(
    settings: Settings,
    environment: AgentEnvironment,
    loop: Loop,
    until: Callable[[AgentState], bool] = lambda _: False,
) -> None:
    executor = RemoteExecutor(settings, loop.send)
    held = any(key.current for key in loop.state.keys)
    async with trio.open_nursery() as beside:
        beside.start_soon(executor.prepare, HEAD_START if held else 0)
        beside.start_soon(watch_disk, environment, loop)
        if isinstance(settings.auth, TokenAuth) and settings.auth.token_file is not None:
            beside.start_soon(watch_token, settings.auth.token_file, loop.token, loop.send)
        await loop.run(executor, until)
        beside.cancel_scope.cancel()
    environment.keeper.close(loop.state)
    await executor.aclose()


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
    """End in order on SIGTERM and SIGINT; SIGHUP must not end the agent."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                log.warning("agent.reload_not_built", message="restart the agent to reload")
                continue
            notify(STOPPING=1)
            loop.send(StopRequested())
