"""The programs that hooks run: each takes its time, and fails, hangs, or is missing if it is to.

What is told to a program has to be so at that instant. What was run when is kept, for
`hook_promises.py`; times are seconds from the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import trio
from freshkey.core.model.secret import Secret
from freshkey.host.command import GRACE, HASTY, Ended

from tests.simulation.agent import Lives
from tests.simulation.bounds import written_by
from tests.simulation.broken import BrokenError
from tests.simulation.configuration import PROGRAM
from tests.simulation.histories import HookFault, Kind, key_name
from tests.simulation.readers import Readers
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from freshkey.core.model.view import KeyView

LONGEST: Final = 4.0  # seconds that a program takes which is well
_LOOK: Final = 2.5  # seconds until a change of a file is seen, and mended


class Call(NamedTuple):
    """A program that was run for a generation of a key, by its hook's place."""

    name: str
    hook: int
    generation: int
    began: float
    ended: float
    worked: bool


@dataclass
class Shown:
    """A time in which one generation of a key was shown, in one life of the agent."""

    name: str
    generation: int
    tag: str
    began: float
    ended: float = inf


@dataclass
class Programs:
    """Everything that hooks have run in a world."""

    world: World
    lives: Lives
    readers: Readers
    calls: list[Call] = field(default_factory=list)
    periods: list[Shown] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)  # keys that were not configured for a time
    is_finished: bool = False
    _at: dict[str, Shown] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = Random(self.world.history.seed + 2)  # noqa: S311 - a simulation's

    def begin_life(self) -> None:
        """Expect nothing until the next agent shows it."""
        if self.lives.downs:
            down = self.lives.downs[-1]
            self._leave_all(down.began if down.stopped_at is None else down.stopped_at)
        self._running.clear()

    def show(self, view: KeyView) -> None:
        """Take note of what the socket answers from now on."""
        name, out = view.name, view.publication
        if out is None or self.is_finished:
            return
        at = self._at.get(name)
        if at is None or at.generation != out.generation:
            if at is not None:
                at.ended = self.world.elapsed
            self._at[name] = shown = Shown(name, out.generation, out.tag, self.world.elapsed)
            self.periods.append(shown)

    def forget(self, name: str) -> None:
        """A key that is configured no more, and comes back, may begin anew or go on."""
        self.forgotten.add(name)
        if (at := self._at.pop(name, None)) is not None:
            at.ended = self.world.elapsed

    def finish(self) -> None:
        """Expect nothing more."""
        self.is_finished = True
        self._leave_all(self.world.elapsed)

    def _leave_all(self, ended: float) -> None:
        for shown in self._at.values():
            shown.ended = ended
        self._at.clear()

    async def run(
        self, program: Path, command: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> Ended:
        """Stand in for `run_command`."""
        world, name = self.world, environment["FRESHKEY_KEY"]
        world.step(f"run {program}", rare=True)
        generation, tag = int(environment["FRESHKEY_GENERATION"]), environment["FRESHKEY_TAG"]
        hook = int(command[0].removeprefix(PROGRAM))
        self._check_told(name, generation, tag)
        began, ended = world.elapsed, Ended(None)
        world.tell(f"    {program} is run for generation {generation} of {name}")
        self._running.add(name)
        try:
            ended = await self._perform(hook, program, seconds)
            world.step(f"the end of {program}", rare=True)
        except trio.Cancelled:
            if not world.is_dead:
                with trio.CancelScope(shield=True):
                    await trio.sleep(self._random.uniform(0.0, HASTY))
            raise
        finally:
            if not world.is_dead:
                self._running.discard(name)
            worked = ended.status == 0
            self.calls.append(Call(name, hook, generation, began, world.elapsed, worked))
        return ended

    async def _perform(self, hook: int, program: Path, seconds: float) -> Ended:
        window = self.world.window(Kind.HOOK_FAILING)
        takes = self._random.uniform(0.0, LONGEST)
        if window is None or window.key != hook:
            await trio.sleep(takes)
            return Ended(0)
        match HookFault(window.number):
            case HookFault.FAILS:
                await trio.sleep(takes)
                return Ended(1, ("not now",))
            case HookFault.HANGS:
                await trio.sleep(seconds + GRACE)
                return Ended(None)
            case HookFault.IS_MISSING:
                raise FileNotFoundError(2, "No such file or directory", str(program))

    def _check_told(self, name: str, generation: int, tag: str) -> None:
        """Look whether a program is told what is so, and alone: of what the file has, if any."""
        told = f"a hook of {name} is told of {tag}, generation {generation}"
        if name in self._running:
            raise BrokenError(8, f"{told}, while another one runs")
        plan, out = self.lives.plans.get(name), self._at.get(name)
        if plan is None or out is None:
            return
        fingerprint = tag.partition("-")[2]
        in_file = self.readers.file_key(name) if plan.in_file else None
        has = None if in_file is None else Secret(in_file).fingerprint
        if plan.in_file and has != fingerprint:
            is_withdrawn = self.readers.socket_key(name) is None
            if not is_withdrawn and not self._is_file_touched(name):
                raise BrokenError(8, f"{told}, and its file has {has}")
        elif not plan.in_file and out.tag != tag:
            raise BrokenError(8, f"{told}, and shown is {out.tag}")

    def _is_file_touched(self, name: str) -> bool:
        """Whether somebody else has just removed or overwritten a key's file."""
        places = len(self.world.history.keys)
        return any(
            one.kind in {Kind.FILE_REMOVED, Kind.FILE_OVERWRITTEN}
            and key_name(one.key % places) == name
            and self.world.elapsed <= written_by(self.world.as_it_was, one.at, one.at + _LOOK)
            for one in self.world.past
        )
