"""1 to 500 keys in one agent, whose leases are short: what each costs, and how late it is replaced.

All agents run at once, beside their Vault. Such a lease is due after half of its life, whatever is
drawn. From then, by the journal, a rotation is late until the intent of its mint, and its key until
it is published. Between the two are Vault's own time, for hundreds of keys at once, and a test.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.deployment import BRIEF
from bench.figures.figure import Figure
from bench.figures.starts import freshkey
from bench.program import Program
from bench.report import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.deployment import Deployment

COUNTS: Final = (1, 10, 100, 500)
DUE: Final = BRIEF / 2  # seconds: of a short lease, see `renewal_time` in core/pacing/timing.py
ALL_DONE: Final = 15.0  # seconds after the last due point, for a busy machine, too
LATEST: Final = 1.0  # seconds
STEEPEST: Final = 1.5  # times as much for a key of 500 as for one of 100
INTENDED: Final = "key.mint_intended"
PUBLISHED: Final = "key.published"  # once its files are written
_TOLERANCE: Final = 0.01  # seconds that the clocks may differ
_LAST_LOOKS: Final = 1.2  # seconds before a replacement; in the last one no lease is looked at
_LOOK_EVERY: Final = 0.2  # seconds between two looks at a journal


@dataclass(frozen=True)
class Found:
    """Of an agent: MiB at rest, seconds of processor for a rotation, and of lateness for each key.

    `late` is until the mint's intent, `out` until the new key is published.
    """

    keys: int
    memory: float
    processor: float
    late: list[float]
    out: list[float]


def measure(deployment: Deployment, programs: Path) -> list[Found]:
    """Run them until each key was replaced once."""
    with ExitStack() as stack:
        agents = []
        for count in COUNTS:
            directory = deployment.freshkey(
                f"many-{count}",
                '[log]\naudit_file = "audit"\n',
                vault="max_mints_per_minute = 0",
                keys=count,
                role="brief",
            )
            program = stack.enter_context(Program(freshkey(programs, directory), directory / "log"))
            program.until(partial(_has_keys, directory / "keys", count), DUE)
            agents.append((program, directory))
        before = [program.processor() for program, _ in agents]
        due = _due_points_when_settled([path / "state" / "journal.json" for _, path in agents])
        latest = max(at for points in due for at in points.values())
        time.sleep(max(latest + ALL_DONE - time.time(), 0.0))
        found = []
        for (program, directory), processor, points in zip(agents, before, due, strict=True):
            took = program.processor() - processor
            lines = (directory / "audit").read_text().splitlines()
            late, out = (lateness(lines, points, event) for event in (INTENDED, PUBLISHED))
            memory = program.memory() / 1024
            found.append(Found(len(points), memory, took / len(late), late, out))
    return found


def _has_keys(directory: Path, count: int) -> bool:
    """Whether all key files are there; the agent writes them under names that begin with a dot."""
    return directory.is_dir() and len(list(directory.glob("[!.]*"))) == count


def _due_points_when_settled(journals: Sequence[Path]) -> list[dict[str, float]]:
    """Wait until all keys of all agents are due, and return `due_points` as each agent had them.

    Vault may have made a lease seconds after it was asked for; a look at the lease tells that, and
    moves its point.
    """
    found = [due_points(journal) for journal in journals]
    first = min(at for points in found for at in points.values())
    time.sleep(max(first - _LAST_LOOKS - time.time(), 0.0))
    while any(at > time.time() for points in found for at in points.values()):
        for points, journal in zip(found, journals, strict=True):
            seen_at, seen = time.time(), due_points(journal)
            points.update({name: seen[name] for name, at in points.items() if at > seen_at})
        time.sleep(_LOOK_EVERY)
    return found


def due_points(journal: Path) -> dict[str, float]:
    """Return when each key is due, by its name; Unix time."""
    unix = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    leases = {
        key["name"]: key["current"]["lease"]
        for key in json.loads(journal.read_text())["ledger"]["keys"]
    }
    return {
        name: unix + (lease["started_at"] + lease["expires_at"]) / 2
        for name, lease in leases.items()
    }


def lateness(lines: Iterable[str], due: Mapping[str, float], event: str) -> list[float]:
    """Return seconds from each due point to that event of its key; ValueError if there is none."""
    late: dict[str, float] = {}
    for record in map(json.loads, lines):
        if record["event"] == event:
            happened = datetime.fromisoformat(record["timestamp"]).timestamp()
            late[record["key"]] = happened - due[record["key"]]
    early = [name for name in due if late.get(name, -DUE) < -_TOLERANCE]
    if early:
        raise ValueError(f"{len(early)} keys of {len(due)} were not replaced when they were due")
    return list(late.values())


def keys_table(found: Sequence[Found]) -> str:
    """Return a line for each number of keys."""
    head = ["keys", "resident", "processor for a rotation"]
    head += ["late, median", "late, at most", "out late, median", "out late, at most"]
    rows = [
        [
            f"{f.keys}",
            f"{f.memory:.1f} MiB",
            f"{f.processor * 1e3:.1f} ms",
            *(
                f"{seconds * 1e3:,.0f} ms"
                for each in (f.late, f.out)
                for seconds in (median(each), max(each))
            ),
        ]
        for f in found
    ]
    return table(head, rows)


def figures(found: Sequence[Found]) -> list[Figure]:
    """Return what has to hold of 500, beside 100."""
    one, _, hundred, most = found
    peer = f"{hundred.keys} keys"

    def each(many: Found) -> float:
        return (many.memory - one.memory) * 1024 / (many.keys - 1)

    return [
        Figure(
            "many-memory",
            f"memory of each more key, with {most.keys}",
            "KiB",
            [each(most)],
            peer,
            [each(hundred)],
            at_most=STEEPEST,
        ),
        Figure(
            "many-processor",
            f"processor for a rotation, with {most.keys} keys",
            "ms",
            [most.processor * 1e3],
            peer,
            [hundred.processor * 1e3],
            at_most=STEEPEST,
            digits=1,
        ),
        Figure(
            "many-late",
            f"the latest rotation, with {most.keys} keys",
            "s",
            [max(most.late)],
            at_most=LATEST,
            digits=2,
        ),
        Figure(
            "many-out",
            f"the latest new key is out, with {most.keys} keys",
            "s",
            [max(most.out)],
            digits=2,
        ),
    ]
