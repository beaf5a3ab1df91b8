"""Memory over very many rotations, in accelerated time (`bench.accelerated`)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from bench.figures.figure import Figure
from bench.program import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.program import Command

ROTATIONS: Final = 100_000
LARGEST: Final = 2.0  # MiB more than after the first 1,000


def measure(deployment: Deployment, programs: Path, rotations: int) -> dict[int, int]:
    """Return KiB that were resident, by the number of rotations."""
    directory = deployment.directory("rotations")
    command: Command = [programs / "python", "-m", "bench.accelerated", directory, f"{rotations}"]
    log = directory / "log"
    with log.open("wb") as output:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=output, check=False)
    if done.returncode:
        last = log.read_text(errors="replace").rstrip().rpartition("\n")[2]
        sys.exit(f"bench: the rotations failed: {last}")
    log.unlink()  # it is on tmpfs, and large
    return dict(json.loads(line) for line in done.stdout.splitlines())


def figure(found: dict[int, int]) -> Figure:
    """Return the line: the most that there was after the first thousand."""
    first, *later = found.values()
    return Figure(
        "rotations",
        f"{max(found):,} rotations in accelerated time: growth after the first {min(found):,}",
        "MiB",
        [(max(later, default=first) - first) / 1024],
        at_most=LARGEST,
        digits=2,
    )
