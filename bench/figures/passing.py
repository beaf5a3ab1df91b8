"""What the gateway adds to a request, beside nginx with a fixed header, and hypercorn."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from bench.answer import ask
from bench.figures.figure import Figure
from bench.gateway import (
    CONNECTIONS,
    DIRECT,
    FIRST,
    GATEWAY,
    NGINX,
    RATE,
    SECOND,
    SLOWER,
    Way,
    ways,
)
from bench.gateway_generator import one_answer, requests
from bench.program import Program
from bench.servers import HYPERCORN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.program import Command


class Passed(NamedTuple):
    """Of one way: the p50 of one connection, in µs, and of many the rate and µs of processor."""

    p50: float
    rate: float
    processor: float


Round = dict[str, Passed]
"""By way."""


def measure(
    deployment: Deployment, programs: Path, peers: Path, rounds: int, seconds: float
) -> list[Round]:
    """Ask each way in turns; streams are in `make bench-gateway`. `peers` has hypercorn."""
    with (
        ways(deployment, programs) as found,
        _hypercorn(deployment, peers, found[DIRECT].address) as answering,
    ):
        found[HYPERCORN] = answering
        return [
            {name: _measure(way, seconds) for name, way in found.items()} for _ in range(rounds)
        ]


@contextmanager
def _hypercorn(deployment: Deployment, peers: Path, upstream: str | Path) -> Iterator[Way]:
    """Have it answer what the upstream answers: Python and trio slow it as they do the gateway."""
    directory = deployment.directory("answering")
    answer, path = directory / "answer", directory / "sock"
    answer.write_bytes(one_answer(str(upstream)))
    command: Command = [peers / "python", "-m", "bench.hypercorn_server", path, answer]
    with Program(command, directory / "log", FIRST) as program:
        program.until(lambda: ask(path))
        yield Way(path, program)


def _measure(way: Way, seconds: float) -> Passed:
    alone = requests(way.address, 1, seconds=seconds, cpu=SECOND)
    before = way.program.processor() if way.program else 0.0
    crowd = requests(way.address, CONNECTIONS, seconds=seconds, cpu=SECOND)
    after = way.program.processor() if way.program else 0.0
    return Passed(alone.latency.p50, crowd.rate, (after - before) / crowd.asked * 1e6)


def figures(found: list[Round]) -> list[Figure]:
    """Return a line for what is added, and three for many at once."""

    def added(name: str) -> list[float]:
        return [one[name].p50 - one[DIRECT].p50 for one in found]

    def processor(key: str, what: str, peer: str) -> Figure:
        ours, theirs = ([one[name].processor for one in found] for name in (GATEWAY, peer))
        return Figure(key, f"processor time for {what}", "µs", ours, peer, theirs)

    return [
        Figure(
            "gateway",
            "added by the gateway, p50",
            "µs",
            added(GATEWAY),
            NGINX,
            added(NGINX),
            at_most=SLOWER,
        ),
        Figure(
            "gateway-crowd",
            f"requests a second through the gateway, {CONNECTIONS} connections",
            "",
            [one[GATEWAY].rate for one in found],
            NGINX,
            [one[NGINX].rate for one in found],
            at_least=RATE,
            of_ours=True,
        ),
        processor("gateway-processor", "each of them, through the gateway", NGINX),
        processor(
            "gateway-trio",
            "a request through the gateway, beside another server on trio",
            HYPERCORN,
        ),
    ]
