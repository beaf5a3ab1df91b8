"""Compares the cheap figures with those that are committed: `make bench-gate`.

    python -m bench.gate [--rounds 15] [--python PATH]

Each figure is a ratio to a peer in the same run, or a count, never a time: `bench/figures.json` has
them of an idle machine. Starts, reads, and requests through the gateway are compared by
processor time, which other work on the machine changes little, and both sides of a ratio alike.
Exit status 1 names what has become worse.

A ratio is worse when nearly all rounds are above the limit, so many that a median at the limit
would do that once in 50 runs (a sign test). Limits are a quarter above the committed ratio. That of
a start was 8 % higher beside a load of five than on an idle machine with two processors, and two
runs beside a load of twenty differed by 4 % for starts. A restart is short, was 30 % higher beside
a load of six, and has more. Memory hardly depends on load, and has less. Reads and requests are
compared with hypercorn: Python took half as long again for them on one machine as on another, where
Go and nginx took the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.deployment import Deployment
from bench.figures import leases, passing, reads, rest, starts
from bench.figures.record import FIGURES
from bench.installed import install, usual_python
from bench.report import spread, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.figures.figure import Figure

RATIOS: Final = {
    "start-processor": 1.25,
    "restart-processor": 1.45,
    "resident": 1.15,
    "proportional": 1.15,
    "reads-trio": 1.25,
    "gateway-trio": 1.25,
}
"""What is compared as a ratio, and how many times the committed one it may be."""
COUNTS: Final = ("restart-mints", "mints", "alive")
"""What has to be the same."""
CHANCE: Final = 0.02
ROUNDS: Final = 15
FEW: Final = 6  # the least with which a sign test can tell at all


@dataclass(frozen=True)
class Verdict:
    """What a figure was, and whether that is worse than it was committed as."""

    name: str
    committed: float
    limit: float
    values: Sequence[float]

    @property
    def is_worse(self) -> bool:
        """Whether chance alone would hardly do it."""
        return sum(value > self.limit for value in self.values) >= needed(len(self.values))

    def row(self) -> list[str]:
        """Return its line of the table."""
        told = "**worse**" if self.is_worse else "as it was"
        return [self.name, f"{self.committed:g}", f"{self.limit:.3g}", spread(self.values, 2), told]


def needed(rounds: int) -> int:
    """Return how many rounds above the limit a coin would give with a chance under CHANCE.

    A single one, a count, needs to be above it itself.
    """
    if rounds == 1:
        return 1
    for heads in range(rounds + 1):
        if sum(comb(rounds, k) for k in range(heads, rounds + 1)) / 2**rounds < CHANCE:
            return heads
    raise ValueError(f"{rounds} rounds are too few")


def judge(figures: Iterable[Figure], committed: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Compare those figures that are compared; KeyError for one that was not committed."""
    found = []
    for figure in figures:
        if (margin := RATIOS.get(figure.key)) is not None:
            ratio = committed[figure.key]["ratio"]
            found.append(Verdict(figure.name, ratio, ratio * margin, figure.ratios))
        elif figure.key in COUNTS:
            count = committed[figure.key]["freshkey"]
            found.append(Verdict(figure.name, count, count, [max(figure.ours)]))
    return found


def measure(programs: Path, peers: Path, rounds: int) -> list[Figure]:
    """Measure what is cheap; in `peers` there are other servers, too."""
    processors = sorted(os.sched_getaffinity(0))
    ends = processors[0], processors[-1]
    with Deployment() as deployment:
        return [
            *starts.figures(starts.measure(deployment, programs, rounds)),
            *rest.memory_figures(rest.measure_memory(deployment, programs, FEW, settled=1.0)),
            *reads.figures(reads.measure(deployment, programs, peers, ends, FEW, seconds=0.5)),
            *passing.figures(passing.measure(deployment, programs, peers, FEW, seconds=0.5)),
            *leases.figures(leases.measure(deployment, programs)),
        ]


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--python", type=Path, default=usual_python())
    options = parser.parse_args()
    committed = json.loads(FIGURES.read_text())
    programs, peers = install(options.python), install(options.python, peers=True)
    verdicts = judge(measure(programs, peers, options.rounds), committed)
    head = ["figure", "committed", "limit", "measured", ""]
    print(table(head, [verdict.row() for verdict in verdicts]), end="")
    return 1 if any(verdict.is_worse for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
