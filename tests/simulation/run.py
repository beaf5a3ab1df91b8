"""Runs one history to its end."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trio
import trio.testing
from trio._core import _run as trio_run

from tests.simulation.agent import Lives
from tests.simulation.broken import BrokenError
from tests.simulation.gateway import GatewayClient
from tests.simulation.histories import WINDOWS, History
from tests.simulation.incidents import Incidents
from tests.simulation.invariants import (
    AT_THE_END,
    LeaseWatch,
    PublicationWatch,
)
from tests.simulation.last_journal import look_at_the_last_journal
from tests.simulation.memory import look_at_memory, watch_memory
from tests.simulation.polls import Polls
from tests.simulation.programs import Programs
from tests.simulation.readers import Readers
from tests.simulation.seams import installed
from tests.simulation.tokens import TokenWatch
from tests.simulation.watchers import Watchers
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.view import KeyView

    from tests.simulation.histories import Incident


@dataclass(frozen=True)
class Outcome:
    """What a history has come to."""

    world: World
    lives: Lives
    readers: Readers
    polls: Polls
    watchers: Watchers
    client: GatewayClient
    programs: Programs


def run(history: History, story: list[str] | None = None) -> Outcome:
    """Run a history, always in the same way, and return what has come of it.

    `story` gets a line for all that happens. Raises BrokenError.
    """
    # As trio's own plugin for Hypothesis does: it would shuffle tasks that are ready together.
    setattr(trio_run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)  # noqa: B010 - it is final
    trio_run._r.seed(history.seed)  # noqa: SLF001 - no other way
    directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
    clock = trio.testing.MockClock(autojump_threshold=0)
    try:
        return trio.run(_run, history, directory, [] if story is None else story, clock=clock)
    except Exception as error:
        causes = list(_causes(error))
        broken = [cause for cause in causes if isinstance(cause, BrokenError)]
        if broken:  # what broke first may have ended the agent, and that looks broken, too
            raise min(broken, key=lambda one: one.order) from None
        cause = causes[0]
        raise BrokenError(0, f"the agent crashed: {type(cause).__name__}: {cause}") from error
    finally:
        shutil.rmtree(directory)


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    else:
        yield error


def check(history: History, story: list[str] | None = None) -> Outcome:
    """Run a history, and look at what must hold at its end, too; raises BrokenError."""
    outcome = run(history, story)
    for invariant in AT_THE_END:
        invariant(outcome)
    return outcome


async def _run(history: History, directory: Path, story: list[str]) -> Outcome:
    world = World(history, directory, story=story)
    world.clocks.began_at = trio.current_time()
    lives = Lives(world)
    readers = Readers(world, lives)
    watchers = Watchers(world, lives)
    polls = Polls(world, lives, readers, watchers)
    client = GatewayClient(world, lives, readers, watchers)
    world.connect = client.connect
    programs = Programs(world, lives, readers)
    world.run_program = programs.run
    outcome = Outcome(world, lives, readers, polls, watchers, client, programs)
    with installed(world), client:
        _tell_of_the_agent(outcome)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pass_time, world)
            nursery.start_soon(watch_memory, world)
            nursery.start_soon(polls.run)
            nursery.start_soon(watchers.run)
            nursery.start_soon(client.run)
            nursery.start_soon(Incidents(world, lives, readers).run)
            nursery.start_soon(lives.run)
            while (left := history.seconds - world.elapsed) > 0:  # noqa: ASYNC110 - virtual
                await trio.sleep(left)
            lives.is_over = True
            world.note_disk()
            readers.finish()
            watchers.finish()
            programs.finish()
            look_at_memory(world)
            await lives.stop(down=0.0)
            await trio.testing.wait_all_tasks_blocked()  # who waits has been told of the stop
            look_at_the_last_journal(world, lives)
            nursery.cancel_scope.cancel()
    return outcome


def _tell_of_the_agent(outcome: Outcome) -> None:
    """Have everybody told of what the agent does."""
    world, lives = outcome.world, outcome.lives
    publications, leases = PublicationWatch(world), LeaseWatch(world, lives)

    def start() -> None:
        outcome.readers.shown.clear()
        outcome.watchers.begin_life()
        outcome.programs.begin_life()
        outcome.client.close_left()
        if world.elapsed in world.old_journals:  # it may count generations anew
            for name in lives.plans:
                outcome.watchers.forget(name)
                publications.forget(name)

    def forget(name: str) -> None:
        outcome.readers.forget(name)
        outcome.watchers.forget(name)
        outcome.programs.forget(name)
        publications.forget(name)

    def show(view: KeyView) -> None:
        outcome.readers.show(view)
        outcome.watchers.show(view)
        outcome.programs.show(view)
        plan = lives.plans.get(view.name)
        publications.look(view, plan.verify if plan else "off")

    lives.on_start = start
    lives.on_removed = forget
    world.on_show = show
    world.on_change += [leases.look, TokenWatch(world, leases.settled_at).look]


async def _pass_time(world: World) -> None:
    """Have happen what happens by itself, each at its instant."""
    changed = trio.Event()

    def wake() -> None:
        changed.set()

    world.on_change.append(wake)
    edges = sorted(
        edge
        for incident in world.history.incidents
        if incident.kind in WINDOWS
        for edge in _edges(incident)
    )
    while True:
        changed = trio.Event()
        due = [world.vault.next_due() - world.now]
        due.append(world.openai.next_activation(world.now) - world.now)
        due += [edge - world.elapsed for edge in edges]
        with trio.move_on_after(min((left for left in due if left > 0), default=3600.0)):
            await changed.wait()
        world.vault.settle(world.now)
        world.on_change.remove(wake)
        world.changed()
        world.on_change.append(wake)


def _edges(incident: Incident) -> tuple[float, float]:
    return incident.at, incident.at + incident.seconds
