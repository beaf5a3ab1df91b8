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
from freshkey.core.model.view import KeyView, Publication
from freshkey.host.command import GRACE, HASTY, Ended

from tests.simulation.agent import Lives
from tests.simulation.broken import BrokenError
from tests.simulation.configuration import PROGRAM
from tests.simulation.histories import Kind
from tests.simulation.readers import Readers
from tests.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST: Final = 4.0  # seconds that a program takes which is well
_TOUCHED: Final = {Kind.DISK_FULL, Kind.FILE_REMOVED, Kind.FILE_OVERWRITTEN}


class Call(NamedTuple):
    """A program that was run for a generation of a key, by its hook's place."""

    name: str
    hook: int
    generation: int
    began: float
    ended: float
    worked: bool


@dataclass
class Stand:
    """A time in which a key stood at one generation, in one life of the agent."""

    name: str
    generation: int
    began: float
    ended: float = inf


@dataclass
class Programs:
    """Everything that hooks have run in a world."""

    world: World
    lives: Lives
    readers: Readers
    calls: list[Call] = field(default_factory=list)
    stands: list[Stand] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)  # keys that were not configured for a time
    _shown: dict[str, Publication] = field(default_factory=dict)  # in this life
    _at: dict[str, Stand] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = Random(self.world.history.seed + 2)  # noqa: S311 - a simulation's

    def begin_life(self) -> None:
        """Expect nothing until the next agent shows it."""
        if self.lives.downs:
            down = self.lives.downs[-1]
            self._leave_all(down.began if down.stopped_at is None else down.stopped_at)
        self._shown.clear()
        self._running.clear()

    def show(self, view: KeyView) -> None:
        """Take note of what the socket answers from now on."""
        name, out = view.name, view.publication
        if out is None:
            return
        self._shown[name] = out
        at = self._at.get(name)
        if at is None or at.generation != out.generation:
            if at is not None:
                at.ended = self.world.elapsed
            self._at[name] = stand = Stand(name, out.generation, self.world.elapsed)
            self.stands.append(stand)

    def forget(self, name: str) -> None:
        """A key that is configured no more, and comes back, may begin anew or go on."""
        self.forgotten.add(name)

    def finish(self) -> None:
        """Let nothing stand any longer."""
        self._leave_all(self.world.elapsed)

    def _leave_all(self, ended: float) -> None:
        for stand in self._at.values():
            stand.ended = ended
        self._at.clear()

    async def run(
        self, program: Path, command: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> Ended:
        """Stand in for `run_command`."""
        world, name = self.world, environment["FRESHKEY_KEY"]
        world.step(f"run {program}", rare=True)
        generation, tag = int(environment["FRESHKEY_GENERATION"]), environment["FRESHKEY_TAG"]
        hook = int(command[0].removeprefix(PROGRAM))
        self._look(name, generation, tag)
        began, ended = world.elapsed, Ended(None)
        world.tell(f"    {program} is run for generation {generation} of {name}")
        self._running.add(name)
        try:
            ended = await self._take_time(program, seconds)
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

    async def _take_time(self, program: Path, seconds: float) -> Ended:
        window = self.world.window(Kind.HOOK_FAILING)
        ways = {None: 0} if window is None else {window: 1 + window.number % 3}
        match ways.popitem()[1]:
            case 1:
                await trio.sleep(self._random.uniform(0.0, LONGEST))
                return Ended(1, ("not now",))
            case 2:
                await trio.sleep(seconds + GRACE)
                return Ended(None)
            case 3:
                raise FileNotFoundError(2, "No such file or directory", str(program))
        await trio.sleep(self._random.uniform(0.0, LONGEST))
        return Ended(0)

    def _look(self, name: str, generation: int, tag: str) -> None:
        """Look whether a program is told what is so, and alone."""
        told = f"a hook of {name} is told of {tag}, generation {generation}"
        if name in self._running:
            raise BrokenError(8, f"{told}, while another one runs")
        out = self._shown.get(name)
        if out is None or (out.generation, out.tag) != (generation, tag):
            raise BrokenError(8, f"{told}, and shown is {out.tag if out else 'nothing'}")
        plan = self.lives.plans.get(name)
        is_touched = any(one.kind in _TOUCHED for one in self.world.past)
        is_out = self.readers.socket_key(name) is not None  # not withdrawn meanwhile
        if plan is not None and plan.in_file and is_out and not is_touched:
            in_file = self.readers.file_key(name)
            if in_file is None or Secret(in_file).fingerprint != out.secret.fingerprint:
                raise BrokenError(8, f"{told}, before that is in its file")
