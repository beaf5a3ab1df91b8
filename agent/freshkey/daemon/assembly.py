"""Puts together what works under one configuration: the main loop, and what it acts on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog

from freshkey.core.keys.lifecycle import view
from freshkey.core.keys.publishing import publication
from freshkey.core.model.faults import FaultError
from freshkey.daemon.counters import Counters
from freshkey.daemon.environment import AgentEnvironment
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.daemon.loop import Loop
from freshkey.daemon.publisher import Publisher
from freshkey.daemon.recorder import Recorder
from freshkey.hooks.done import DoneHooks
from freshkey.hooks.hooks import Hooks
from freshkey.host.clock import WallClock
from freshkey.logs.audit import Audit
from freshkey.outputs.journal import Journal
from freshkey.serve.published_keys import PublishedKeys
from freshkey.settings.desired_state import desired_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freshkey.core.model.ledger import Ledger
    from freshkey.core.model.state import AgentState
    from freshkey.outputs.state_dir import StateDirectory
    from freshkey.settings.model import Settings


log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Parts(NamedTuple):
    """What works under one configuration."""

    settings: Settings
    environment: AgentEnvironment
    loop: Loop


class ProcessParts(NamedTuple):
    """What stays the same over reloads."""

    directory: StateDirectory
    journal: Journal
    clock: WallClock
    counters: Counters

    @classmethod
    def of(cls, directory: StateDirectory) -> ProcessParts:
        """Make them for a state directory; nothing is read or counted yet."""
        return cls(directory, Journal(directory), WallClock(), Counters())


class Before(NamedTuple):
    """What the configuration before a reload has come to."""

    ledger: Ledger
    done_hooks: Mapping[str, int]

    @classmethod
    def of(cls, parts: Parts) -> Before:
        """Take it from the parts that have ended."""
        environment = parts.environment
        ledger = environment.keeper.ledger(parts.loop.state)
        return cls(ledger, environment.hooks.done.generations)


def assemble(
    settings: Settings,
    process: ProcessParts,
    *,
    keep_on_stop: bool = False,
    before: Before | None = None,
) -> Parts:
    """Make the parts, with the state that the journal holds, or `before` after a reload.

    `keep_on_stop`: see `desired_state`. What was published before is shown at once.
    """
    directory, _, clock, counters = process
    recorder = Recorder(Audit(settings.log.audit_file), clock, counters.on_record)
    publisher = Publisher(settings, clock)
    journal = _journal(settings, process, is_reload=before is not None)
    keeper = JournalKeeper(directory, desired_state(settings, keep_on_stop=keep_on_stop), journal)
    state = _restored(keeper, publisher, recorder, before)
    shown = PublishedKeys(settings.keys)
    for key in state.keys:
        if key.name in settings.keys and key.announced == key.generation:
            shown.show(view(key, state.tokens, state.link))
    done = _done_hooks(settings, directory, state, before)
    hooks = Hooks(settings.keys, done, counters.on_hook)
    for name, settings_of_key in settings.keys.items():
        if settings_of_key.hooks:
            counters.expect_hooks(name)
    environment = AgentEnvironment(clock, keeper, publisher, shown, recorder, hooks, counters)
    return Parts(settings, environment, Loop(keeper.desired_state.policy, state, environment))


def _journal(settings: Settings, process: ProcessParts, *, is_reload: bool) -> Journal | None:
    """Return the journal; None if there is to be none, and there is none any more."""
    if settings.state.persist:
        return process.journal
    try:
        process.journal.remove()
    except FaultError as error:
        if not is_reload:
            raise
        # One that stays must not get old: a later start would serve what is revoked by then.
        message = f"the journal goes on, because it can't be removed: {error.fault.message}"
        log.warning("journal.kept", message=message)
        return process.journal
    return None


def _restored(
    keeper: JournalKeeper, publisher: Publisher, recorder: Recorder, before: Before | None
) -> AgentState:
    """Return the state to go on from."""
    adopted = keeper.restore() if before is None else keeper.adopt(before.ledger)
    for record in adopted.records:
        recorder.record(record)
    publisher.remove_left(adopted.files)
    for key in adopted.state.keys:
        publisher.remember(key.name, publication(key, adopted.state.tokens))
    return adopted.state


def _done_hooks(
    settings: Settings, directory: StateDirectory, state: AgentState, before: Before | None
) -> DoneHooks:
    """Say which hooks have run already, and which an agent before this one has left to run."""
    generations = {
        key.name: key.generation
        for key in state.keys
        if not key.removed and settings.keys[key.name].hooks
    }
    kept = before.done_hooks if before else None
    return DoneHooks(directory if settings.state.persist else None, generations, kept)
