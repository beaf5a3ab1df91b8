"""Measures the agent as it is installed beside the peer of each figure, in one run: `make bench`.

    python -m bench.side_by_side [--only start,reads] [--rounds 11] [--json] [--write]

All ask the same Vault. What is compared takes turns, round after round, and a ratio is taken within
a round: other work on the machine then changes it less. Shown are the median and the range. Exit
status 1 says that a goal was missed. It takes a quarter of an hour, and an idle machine with two
processors. What `--write` commits is of a whole run: all parts, with the defaults, and none failed.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentTypeError
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.deployment import Deployment
from bench.figures import (
    delivery,
    leases,
    many,
    passing,
    phases,
    reads,
    rest,
    rotations,
    starts,
)
from bench.figures.figure import Figure, figures_table
from bench.figures.record import record
from bench.installed import describe, install
from bench.report import arguments, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path


class Measured(NamedTuple):
    """Lines of the table, and a table of its own, if there is more to tell."""

    figures: list[Figure]
    more: str = ""


class Bench:
    """What can be measured; each method is a name for `--only`."""

    def __init__(self, deployment: Deployment, programs: Path, options: argparse.Namespace) -> None:
        self._deployment = deployment
        self._programs = programs
        self._python: Path = options.python
        self._rounds: int = options.rounds
        self._rotations: int = options.rotations
        self._rests: float = options.rests
        processors = sorted(os.sched_getaffinity(0))
        self._cpus = processors[0], processors[-1]

    def start(self) -> Measured:
        """Starts, and what the time goes into."""
        found = starts.measure(self._deployment, self._programs, self._rounds)
        spent = phases.measure(self._deployment, self._programs, self._few())
        return Measured(starts.figures(found), phases.phases_table(spent))

    def memory(self) -> Measured:
        """Memory at rest."""
        found = rest.measure_memory(self._deployment, self._programs, self._few())
        return Measured(rest.memory_figures(found))

    def rest(self) -> Measured:
        """Processor time at rest, and meanwhile very many rotations in accelerated time."""
        with ExitStack() as stack:
            agents = rest.AtRest(self._deployment, self._programs, stack)
            grown = rotations.measure(self._deployment, self._programs, self._rotations)
            processor = agents.processor(self._rests)
        return Measured([*rest.processor_figures(processor), rotations.figure(grown)])

    def delivery(self) -> Measured:
        """From Vault's answer to all readers."""
        found = delivery.measure(self._deployment, self._programs, self._cpus, self._rounds)
        return Measured(delivery.figures(found))

    def reads(self) -> Measured:
        """Reads of the socket."""
        peers = install(self._python, peers=True)
        found = reads.measure(
            self._deployment, self._programs, peers, self._cpus, self._few(), seconds=1.0
        )
        return Measured(reads.figures(found))

    def gateway(self) -> Measured:
        """Requests through the gateway."""
        peers = install(self._python, peers=True)
        found = passing.measure(self._deployment, self._programs, peers, self._few(), seconds=2.0)
        return Measured(passing.figures(found))

    def leases(self) -> Measured:
        """Keys that are minted, and that live."""
        return Measured(leases.figures(leases.measure(self._deployment, self._programs)))

    def many(self) -> Measured:
        """Many keys in one agent."""
        found = many.measure(self._deployment, self._programs)
        return Measured(many.figures(found), many.keys_table(found))

    def _few(self) -> int:
        return max(1, self._rounds // 2)


NAMES: Final = ("start", "memory", "delivery", "reads", "gateway", "leases", "many", "rest")
WHOLE: Final = ("only", "rounds", "rotations", "rests", "python")
"""Options that are at their defaults in a whole run."""

FLEET: Final = "A fleet of 1,000 agents is simulated: [docs/fleet.md](fleet.md), `make fleet`.\n"
"""The last line: a fleet's figures depend on no machine, so they are not measured here."""

FAILED: Final = (ValueError, OSError, RuntimeError, SystemExit)
"""What fails one part; the last one says that a program did not do what it was started for."""


def main() -> int:
    """Print the table; return the exit status."""
    parser = arguments(__doc__, rounds=11)
    parser.add_argument("--only", type=_names, default=NAMES, help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rotations", type=int, default=rotations.ROTATIONS)
    parser.add_argument("--rests", type=float, default=rest.RESTS, help="seconds of a rest")
    options = parser.parse_args()
    changed = [name for name in WHOLE if getattr(options, name) != parser.get_default(name)]
    if options.write and changed:
        others = ", ".join(f"--{name}" for name in changed)
        print(
            f"bench: --write takes all parts with the defaults, without {others}", file=sys.stderr
        )
        return 2
    if len(os.sched_getaffinity(0)) == 1:
        sys.exit("bench: this needs two processors: one for what is measured, one for the load")
    programs = install(options.python)
    head = f"{describe(programs)}.\n"
    measured: list[Measured] = []
    failed = False
    for name in options.only:
        began = time.monotonic()
        with Deployment() as deployment:  # a fresh one: no leases of others
            bench = Bench(deployment, programs, options)
            measure: Callable[[], Measured] = getattr(bench, name)
            try:
                measured.append(measure())
            except FAILED as error:
                reason = str(error).removeprefix("bench: ")
                print(f"bench: {name} could not be measured: {reason}", file=sys.stderr)
                failed = True
        print(f"bench: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    figures = [figure for one in measured for figure in one.figures]
    tables = [head, figures_table(figures), *(one.more for one in measured if one.more), FLEET]
    if options.write and failed:
        print("bench: nothing is written, because a part failed", file=sys.stderr)
        options.write = False
    show("bench", "\n".join(tables), [asdict(figure) for figure in figures], options)
    if options.write:
        record(figures)
    return 1 if failed or any(figure.met is False for figure in figures) else 0


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := sorted({*names} - {*NAMES}):
        raise ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(NAMES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
