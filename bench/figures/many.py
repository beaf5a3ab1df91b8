"""1 to 500 keys in one agent, whose leases are short: what each costs, and how late it is replaced.

All agents run at once, beside their Vault. Such a lease is due after half of its life, whatever is
drawn. It began when Vault's audit log says that the request came, and the rotation is late until
the intent of the next mint. Vault's own time, for hundreds of keys at once, is no part of that.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
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
ALL_DONE: Final = 5.0  # seconds more, until the last is replaced
LATEST: Final = 1.0  # seconds
STEEPEST: Final = 1.5  # times as much for a key of 500 as for one of 100
_TOLERANCE: Final = 1.0  # seconds from the beginning of a lease until a busy Vault has the request


@dataclass(frozen=True)
class Found:
    """Of an agent: MiB at rest, seconds of processor for a rotation, and how late each was."""

    keys: int
    memory: float
    processor: float
    late: list[float]


def measure(deployment: Deployment, programs: Path) -> list[Found]:
    """Run them until each key was replaced once."""
    audit_of_vault = deployment.directory("audit") / "log"
    deployment.vault.enable_audit(audit_of_vault)
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
            keys = directory / "keys"
            program.until(
                lambda keys=keys, count=count: (  # type: ignore[misc]
                    keys.is_dir() and len(list(keys.glob("[!.]*"))) == count
                ),
                DUE,
            )
            agents.append((program, directory / "audit"))
        before = [program.processor() for program, _ in agents]
        time.sleep(DUE + ALL_DONE)
        asked = requests(audit_of_vault.read_text().splitlines())
        found = []
        for count, (program, audit), processor in zip(COUNTS, agents, before, strict=True):
            took = program.processor() - processor
            late = lateness(audit.read_text().splitlines(), asked)
            found.append(Found(count, program.memory() / 1024, took / len(late), late))
    return found


def requests(lines: Iterable[str]) -> dict[str, float]:
    """Return when each request came, by its id, from Vault's audit log."""
    events = (json.loads(line) for line in lines)
    return {
        event["request"]["id"]: datetime.fromisoformat(event["time"]).timestamp()
        for event in events
        if event["type"] == "request"
    }


def lateness(lines: Iterable[str], asked: Mapping[str, float]) -> list[float]:
    """Return seconds from each due point until its intent; ValueError if a key has none."""
    began: dict[str, float] = {}
    late = []
    for line in lines:
        event = json.loads(line)
        name = event.get("key")
        if event["event"] == "key.minted":
            began[name] = asked[event["request_id"]]
        elif event["event"] == "key.mint_intended" and name in began:
            intended = datetime.fromisoformat(event["timestamp"]).timestamp()
            late.append(intended - began[name] - DUE)
    if len(late) < len(began):
        raise ValueError(f"{len(began) - len(late)} keys of {len(began)} were not replaced")
    if min(late) < -_TOLERANCE:
        raise ValueError(f"a key was replaced {-min(late):.1f} s before it was due")
    return late


def keys_table(found: Sequence[Found]) -> str:
    """Return a line for each number of keys."""
    head = ["keys", "resident", "processor for a rotation", "late, median", "late, at most"]
    rows = [
        [
            f"{f.keys}",
            f"{f.memory:.1f} MiB",
            f"{f.processor * 1e3:.1f} ms",
            f"{median(f.late) * 1e3:,.0f} ms",
            f"{max(f.late) * 1e3:,.0f} ms",
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
    ]
