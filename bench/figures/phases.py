"""What the time of a start goes into: by the agent's own log, and by what Python notes of imports.

Both are in one file, in the order in which they happened. `-X importtime` slows a start a little.
"""

from __future__ import annotations

import json
import subprocess
import time
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.figures.starts import freshkey
from bench.imports import LINE, OPTION, by_part, imports_table
from bench.program import Program
from bench.report import table
from bench.start import clear, until_key_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.deployment import Deployment

ENDS: Final = {
    "agent.started": "the daemon's modules, the configuration, the lock, the socket",
    "token.logged_in": "login",
    "key.minted": "mint",
    "key.tested": "test at OpenAI",
    "key.published": "publish",
}
"""Events of the log, each the end of a phase; what is imported in a phase may be for the next."""


class Phase(NamedTuple):
    """Milliseconds."""

    name: str
    took: float
    imports: float = 0.0


class Start(NamedTuple):
    """One start: its phases in order, and its imports by part."""

    phases: list[Phase]
    imports: dict[str, float]


def measure(deployment: Deployment, programs: Path, rounds: int) -> list[Start]:
    """Start the agent without a journal."""
    directory = deployment.freshkey("phases")
    log = directory / "log"
    command = [programs / "python", *OPTION, *freshkey(programs, directory)]
    found = []
    for _ in range(rounds):
        clear(directory)
        log.unlink(missing_ok=True)
        interpreter = _interpreter(programs / "python")
        began = time.time()
        with Program(command, log) as program:
            until_key_file(program, directory)
            program.until(lambda: "key.published" in log.read_text(errors="replace"))
        text = log.read_text(errors="replace")
        found.append(Start(phases(text, began, interpreter), by_part(text)))
    return found


def _interpreter(python: Path) -> float:
    began = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True)
    return (time.perf_counter() - began) * 1e3


def phases(text: str, began: float, interpreter: float) -> list[Phase]:
    """Read the phases from a program's output; `began` is Unix time, `interpreter` ms."""
    found = [Phase("interpreter", interpreter)]
    last, imports = began + interpreter / 1e3, 0.0
    for line in text.splitlines():
        if imported := LINE.match(line):
            imports += int(imported[1]) / 1e3
        elif line.startswith("{"):
            event = json.loads(line)
            if (name := ENDS.get(event["event"])) is not None:
                at = datetime.fromisoformat(event["timestamp"]).timestamp()
                found.append(Phase(name, (at - last) * 1e3, imports))
                last, imports = at, 0.0
    return found


def phases_table(found: Sequence[Start]) -> str:
    """Return medians: a line for each phase; then one for each part of the imports."""
    rows = []
    for several in zip(*(start.phases for start in found), strict=True):
        took, imports = (median(values) for values in zip(*(p[1:] for p in several), strict=True))
        rows.append([several[0].name, f"{took:.0f}", f"{imports:.0f}" if imports else ""])
    head = ["a start's phases", "ms", "of which imports"]
    return f"{table(head, rows)}\n{imports_table([start.imports for start in found])}"
