"""What many histories have come to, in figures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from tests.simulation.excuses import uncovered
from tests.simulation.invariants import excuses_of
from tests.simulation.windows import answering

if TYPE_CHECKING:
    from tests.simulation.run import Outcome

_DAY = 86400.0


class Summary(msgspec.Struct):
    """Sums over histories; times are seconds."""

    histories: int = 0
    simulated: float = 0.0
    minted: int = 0
    abandoned: int = 0
    requests: int = 0
    starts: int = 0
    polls: int = 0
    told: int = 0
    passed: int = 0
    programs: int = 0
    incidents: Counter[str] = msgspec.field(default_factory=Counter)
    watched: float = 0.0  # by readers, while Vault and OpenAI answered
    without: float = 0.0  # of that: without a working key
    longest: float = 0.0  # of that at a time
    whole_watched: float = 0.0  # whatever answered
    whole_without: float = 0.0
    unexcused: float = 0.0  # of that: outside of every bound

    def add(self, outcome: Outcome) -> None:
        """Count a history in which everything held."""
        world = outcome.world
        self.histories += 1
        self.simulated += world.history.seconds
        self.minted += len(world.openai.accounts)
        self.abandoned += len(world.lost)
        self.requests += len(world.requests)
        self.starts += outcome.lives.starts
        self.polls += outcome.polls.answers
        self.told += outcome.watchers.told
        self.passed += outcome.client.answered
        self.programs += len(outcome.programs.calls)
        self.incidents.update(incident.kind.value for incident in world.history.incidents)
        for began, ended in outcome.readers.watched:
            self.whole_watched += ended - began
            self.watched += sum(b - a for a, b in answering(world.history, began, ended))
        found = excuses_of(outcome)
        for gap in outcome.readers.gaps:
            began, ended = uncovered(gap, found) or (0.0, 0.0)
            self.unexcused += ended - began
            self.whole_without += gap.ended - gap.began
            parts = [b - a for a, b in answering(world.history, gap.began, gap.ended)]
            self.without += sum(parts)
            self.longest = max([self.longest, *parts])

    def merge(self, other: Summary) -> None:
        """Add the figures of another share of the histories."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "longest" else mine + theirs)

    def lines(self) -> list[str]:
        """Return a line for each figure."""
        kinds = ", ".join(f"{name} {count}" for name, count in self.incidents.most_common())
        return [
            f"histories:          {self.histories}",
            f"virtual time:       {self.simulated / _DAY:.1f} days",
            f"keys minted:        {self.minted}, of which nobody was told of {self.abandoned}",
            f"requests:           {self.requests} of the agents, {self.polls} of readers",
            f"gateway:            {self.passed} requests that OpenAI answered",
            f"told at once:       {self.told} keys, to readers that wait for them",
            f"hooks:              {self.programs} programs that they ran",
            f"starts:             {self.starts}",
            f"incidents:          {kinds}",
            (
                f"a working key:      {_share(self.without, self.watched)} of the time that both "
                "answered"
            ),
            f"without one:        {self.longest:.1f} s at most, then",
            f"excused:            {_part(self.without, self.watched)}, each time within its bound",
            f"unexcused:          {self.unexcused:.3f} s, whatever answered",
            f"whatever answered:  {_share(self.whole_without, self.whole_watched)}",
        ]


def _part(without: float, watched: float) -> str:
    return f"{100 * without / watched:.4f} %" if watched else "no time"


def _share(without: float, watched: float) -> str:
    return f"{100 * (1 - without / watched):.4f} %" if watched else "no time"
