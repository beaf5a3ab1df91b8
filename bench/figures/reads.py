"""What a read costs: the socket beside Go's `net/http`, hypercorn, and the read of a file."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.figures.figure import Figure
from bench.program import pinned
from bench.servers import GO, HYPERCORN, Servers
from bench.unix_socket import CROWD, SHARE, SLOWER

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment

_FILE_READS: Final = 20_000

Load = dict[str, float]


class Round(NamedTuple):
    """Freshkey's and Go's answers to one connection and to a crowd; hypercorn's; a file's µs."""

    alone: tuple[Load, Load]
    crowd: tuple[Load, Load]
    hypercorn: Load
    file: float


def measure(  # noqa: PLR0913 - what is loaded, where, and how long
    deployment: Deployment,
    programs: Path,
    peers: Path,
    cpus: tuple[int, int],
    rounds: int,
    *,
    seconds: float,
) -> list[Round]:
    """Load them in turns; server and load have a processor each. `peers` has hypercorn."""
    with ExitStack() as stack:
        servers = Servers(deployment, programs, peers, cpus[0], stack)
        ours, theirs, hypercorn = servers.start_three()
        file = ours.path.parent / "keys" / "billing"
        found = []
        for _ in range(rounds):
            alone, crowd = (
                (
                    ours.measure(connections, seconds, cpus[1]),
                    theirs.measure(connections, seconds, cpus[1]),
                )
                for connections in (1, CROWD)
            )
            other = hypercorn.measure(CROWD, seconds, cpus[1])
            with pinned(cpus[1]):
                found.append(Round(alone, crowd, other, _file_read(file)))
    return found


def _file_read(path: Path) -> float:
    name = str(path)
    began = time.perf_counter()
    for _ in range(_FILE_READS):
        with open(name, "rb") as file:  # noqa: PTH123 - a path of pathlib's costs as much as the read
            file.read()
    return (time.perf_counter() - began) / _FILE_READS * 1e6


def figures(found: list[Round]) -> list[Figure]:
    """Return a line for a read, for many, and for the floor."""
    ours, theirs = zip(*(one.alone for one in found), strict=True)
    many, of_go = zip(*(one.crowd for one in found), strict=True)
    return [
        Figure(
            "reads",
            "a read of the socket, p50",
            "µs",
            [load["p50"] for load in ours],
            GO,
            [load["p50"] for load in theirs],
            at_most=SLOWER,
        ),
        Figure(
            "reads-crowd",
            f"reads a second, {CROWD} connections",
            "",
            [load["rate"] for load in many],
            GO,
            [load["rate"] for load in of_go],
            at_least=SHARE,
        ),
        Figure(
            "reads-processor",
            "processor time for each of them",
            "µs",
            [load["processor"] for load in many],
            GO,
            [load["processor"] for load in of_go],
        ),
        Figure(
            "reads-trio",
            "processor time for a read, beside another server on trio",
            "µs",
            [load["processor"] for load in many],
            HYPERCORN,
            [one.hypercorn["processor"] for one in found],
        ),
        Figure(
            "reads-file",
            "a read of one connection, beside its floor",
            "µs",
            [load["p50"] for load in ours],
            "open, read, close of the file, from Python",
            [one.file for one in found],
        ),
    ]
