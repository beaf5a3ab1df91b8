"""Load from the generator in load/, which is a program of its own."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.answer import EXPECTED, TARGET
from bench.program import pinned
from testbed.binaries import BENCH_LOAD, binary

if TYPE_CHECKING:
    from pathlib import Path

WARMUP: Final = 0.2  # seconds
LIMIT: Final = 0.95  # of its processor: the generator would be what is measured


class LoadError(Exception):
    """An answer was not good, or none came; the text says what was seen."""


@dataclass(frozen=True)
class Load:
    """What `connections` that ask again at once were answered within `seconds`.

    `p50`, `p99`, and `max` are microseconds from a request to its whole answer; `rate` is answers
    a second; `asked` counts the warm-up too; `busy` is the generator's share of its processor.
    """

    connections: int
    answers: int
    asked: int
    seconds: float
    rate: float
    p50: float
    p99: float
    max: float
    busy: float


def load(
    path: Path,
    connections: int = 1,
    *,
    seconds: float = 1.0,
    answers: int = 0,
    cpu: int | None = None,
) -> Load:
    """Ask the socket at `path` for `seconds` after a warm-up, or until so many answers are there.

    With `cpu` the generator runs on that processor only. Raises LoadError at the first answer that
    is not a whole 200 with a key in its body.
    """
    options = {
        "socket": path,
        "connections": connections,
        "time": f"{seconds}s",
        "warmup": f"{WARMUP}s",
        "answers": answers,
        "target": TARGET,
        "expect": EXPECTED,
    }
    command = [f"{binary(BENCH_LOAD)}", *(f"-{name}={value}" for name, value in options.items())]
    with pinned(cpu):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(done.stderr.strip())
    return Load(**json.loads(done.stdout))
