"""Where the world takes the place of the real one.

That is clocks, chance, threads, sockets, the disk, and what the kernel tells.

Everything else of the agent is as it is. All of these are attributes of modules, so that the agent
has no option, argument, or class that is there for a simulation alone.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import structlog
import trio
from freshkey.daemon import (
    config_watch,
    disk_watch,
    environment,
    executor,
    journal_keeper,
    lost_files,
)
from freshkey.daemon import main as daemon_main
from freshkey.daemon.recorder import Recorder
from freshkey.gateway.upstream import Upstream
from freshkey.hooks import done, hooks, performing
from freshkey.host import clock
from freshkey.logs import audit, audit_file, redact
from freshkey.logs.setup import json_lines
from freshkey.openai import http as openai_http
from freshkey.outputs import files, journal, replace
from freshkey.serve.published_keys import PublishedKeys
from freshkey.sockets import socket_watch
from freshkey.sockets.outbox import Outbox
from freshkey.vault import client
from freshkey.vault.login import credentials
from freshkey.vault.transport import adapter, session

from tests.simulation import transport
from tests.simulation.connection import SimulatedConnection, run_inline
from tests.simulation.disk import SimulatedOs
from tests.simulation.world import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from freshkey.core.model.actions import Record
    from freshkey.core.model.view import KeyView
    from structlog.typing import EventDict

    from tests.simulation.world import World

del adapter  # hvac, which no history shall have to import
_MACHINE = "5" * 32
_SELDOM = 20.0  # seconds between looks at files that nobody touches: most of the time goes there


class _Lines(StringIO):
    """A standard error whose lines become part of the story."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def write(self, text: str) -> int:
        self._world.on_line(text)
        return len(text)


def _stopped_by_a_kill(world: World) -> list[tuple[object, str, Any]]:
    """Replace what has no step of its own, and that an agent does not do any more when killed."""
    show = PublishedKeys.show

    def shown(keys: PublishedKeys, view: KeyView) -> None:
        if world.is_dead:
            raise Killed
        show(keys, view)
        world.on_show(view)

    record = Recorder.record

    def recorded(recorder: Recorder, one: Record) -> None:
        if world.is_dead:
            raise Killed
        record(recorder, one)
        if one.audit:  # its file is in the configuration's directory
            world.kernel.tell_of_change()

    send_all = Outbox.before_io_wait

    def sent(outbox: Outbox, timeout: float) -> None:
        if world.is_dead:
            return
        with suppress(Killed):  # out of an instrument it would end trio; nothing is sent then
            send_all(outbox, timeout)

    return [
        (PublishedKeys, "show", shown),
        (Recorder, "record", recorded),
        (Outbox, "before_io_wait", sent),
    ]


@contextmanager
def installed(world: World) -> Iterator[None]:
    """Have the agent live in a world."""
    told = _Lines(world)
    simulated_os = SimulatedOs(world)
    chance = SimpleNamespace(
        randbits=world.agent_random.getrandbits,
        token_hex=lambda count: f"{world.agent_random.getrandbits(8 * count):0{2 * count}x}",
    )

    def connected(upstream: Upstream, attempt: object) -> socket:
        return world.connect(upstream, attempt)

    look_every = 2.0 if world.is_disk_touched else _SELDOM
    replaced: list[tuple[object, str, Any]] = [
        (clock, "time", world.clocks),
        (audit, "time", world.clocks),
        (audit_file, "time", world.clocks),
        (environment, "secrets", chance),
        (replace, "secrets", chance),
        (client, "token_hex", chance.token_hex),
        (trio.to_thread, "run_sync", run_inline),
        (trio, "open_signal_receiver", world.kernel.open_signal_receiver),
        (config_watch, "_directories_change", world.kernel.directory_changes),
        (session, "Connection", partial(SimulatedConnection, world)),
        (openai_http, "make_client", partial(transport.make_client, world)),
        (replace, "os", simulated_os),
        (files, "os", simulated_os),
        (journal, "os", simulated_os),
        (audit_file, "os", simulated_os),
        (done, "os", simulated_os),
        (hooks, "secrets", chance),
        (performing, "find_program", lambda name, _: Path(name)),
        (performing, "run_command", world.run_program),
        (Upstream, "_connect", connected),
        *_stopped_by_a_kill(world),
        (disk_watch, "LOOK_EVERY", look_every),
        (socket_watch, "LOOK_EVERY", look_every),
        (journal_keeper, "machine_id", lambda: _MACHINE),
        (journal_keeper, "boot_id", lambda: _MACHINE),
        (lost_files, "machine_id", lambda: _MACHINE),
        (lost_files, "boot_id", lambda: _MACHINE),
        (executor, "gc", SimpleNamespace(get_freeze_count=lambda: 1, enable=lambda: None)),
        (daemon_main, "configure", lambda *_: None),
        (sys, "stderr", told),
    ]

    def note(_logger: object, _method: str, event: EventDict) -> EventDict:
        world.events.append(repr({name: event[name] for name in event if name != "exc_info"}))
        if event["event"] == "key.mint_intended":
            world.ordered[event["key"]] = world.elapsed
        return event

    before = structlog.get_config()
    patches = [patch.object(target, name, value) for target, name, value in replaced]
    for one in patches:
        one.start()
    structlog.configure(
        processors=[note, *json_lines()],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=lambda *_: structlog.WriteLogger(told),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
        for one in reversed(patches):
            one.stop()


def forget_the_last_agent() -> None:
    """Have modules hold what a process begins with: the log masks what the next agent knows."""
    credentials._read_last.clear()  # noqa: SLF001 - a process of its own has none
    fresh = redact.Redactor()
    vars(redact.add_secret.__self__).update(vars(fresh))  # type: ignore[attr-defined]  # a method's
