"""Measures the gateway of an installed agent beside nginx, which puts in a header that is fixed.

    python -m bench.gateway [--rounds 5] [--python PATH] [--json] [--write]

One processor is for the gateway, or for nginx; another one for the upstream behind both, and for
the load. What is compared takes turns, round after round. Exit status 1 says that a goal was
missed.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.deployment import Deployment
from bench.gateway_generator import Requests, Streams, requests, streams, upstream
from bench.installed import describe, install
from bench.nginx import free_port, listens, nginx
from bench.program import Program
from bench.report import Goal, arguments, report, spread, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.program import Command

ADDED: Final = 1.0  # milliseconds at the median
SLOWER: Final = 6.0  # times what nginx adds
RATE: Final = 1500.0  # requests a second
LATE: Final = 20.0  # milliseconds, at the 99th percentile
MEMORY: Final = 40.0  # KiB a stream
STREAMS, EVENTS, PER_SECOND = 500, 250, 50
CONNECTIONS: Final = 64
GATEWAY, NGINX, DIRECT = "freshkey's gateway", "nginx", "nothing between"
CONFIGURATION: Final = """
[gateway]
tcp = "127.0.0.1:{port}"
upstream = "http://{upstream}/v1"
max_requests = 1024
[[gateway.clients]]
key = "billing"
[log]
audit_file = "audit"
"""
_PROCESSORS: Final = sorted(os.sched_getaffinity(0))
FIRST, SECOND = _PROCESSORS[0], _PROCESSORS[-1]


class Found(NamedTuple):
    """What one round found of one way."""

    alone: Requests
    crowd: Requests
    streams: Streams
    memory: float  # KiB a stream


class Way(NamedTuple):
    """Where requests are sent, and which program passes them on, if any."""

    address: str | Path
    program: Program | None


def measure(way: Way) -> Found:
    """Ask with one connection and with many, and read many streams at once."""
    alone = requests(way.address, 1, seconds=2.0, cpu=SECOND)
    crowd = requests(way.address, CONNECTIONS, seconds=2.0, cpu=SECOND)
    before = way.program.memory() if way.program else 0
    read = streams(way.address, STREAMS, events=EVENTS, rate=PER_SECOND, ramp=2.0, cpu=SECOND)
    after = way.program.memory() if way.program else 0
    return Found(alone, crowd, read, (after - before) / STREAMS)


@contextmanager
def ways(deployment: Deployment, programs: Path) -> Iterator[dict[str, Way]]:
    """Run all that is compared; what waits costs nothing."""
    directory = deployment.directory("upstream")
    with upstream(directory / "log", SECOND) as (_, behind):
        ours, theirs = free_port(), free_port()
        extra = CONFIGURATION.format(port=ours, upstream=behind)
        agent = deployment.freshkey("gateway", extra)
        command: Command = [programs / "freshkey", "run", f"--config={agent / 'config.toml'}"]
        with (
            Program(command, agent / "log", FIRST) as gateway,
            nginx(deployment.directory("nginx"), behind, theirs, FIRST) as peer,
        ):
            gateway.until(lambda: (agent / "keys" / "billing").exists() and listens(ours))
            yield {
                DIRECT: Way(behind, None),
                NGINX: Way(f"127.0.0.1:{theirs}", peer),
                GATEWAY: Way(f"127.0.0.1:{ours}", gateway),
            }


def rows(rounds: list[dict[str, Found]]) -> str:
    """Return the table of what was measured."""
    head = ["", "p50, 1 connection (µs)", f"requests a second, {CONNECTIONS}", "late p50 (ms)"]
    head += ["late p99 (ms)", "memory a stream (KiB)", "load waited (%)"]
    lines = []
    for name in (DIRECT, NGINX, GATEWAY):
        found = [one[name] for one in rounds]
        lines.append(
            [
                name,
                spread([one.alone.latency.p50 for one in found]),
                spread([one.crowd.rate for one in found]),
                spread([one.streams.lateness.p50 / 1e3 for one in found], 2),
                spread([one.streams.lateness.p99 / 1e3 for one in found], 2),
                spread([one.memory for one in found], 1),
                spread([one.streams.waited * 100 for one in found]),
            ]
        )
    return table(head, lines)


def goals(rounds: list[dict[str, Found]]) -> list[Goal]:
    """Return the goals with what each round found."""

    def added(name: str) -> list[float]:
        return [
            (one[name].alone.latency.p50 - one[DIRECT].alone.latency.p50) / 1e3 for one in rounds
        ]

    ratios = [ours / theirs for ours, theirs in zip(added(GATEWAY), added(NGINX), strict=True)]
    return [
        Goal("added at the median, ms", added(GATEWAY), at_most=ADDED),
        Goal("the same, times nginx's", ratios, at_most=SLOWER),
        Goal("requests a second", [one[GATEWAY].crowd.rate for one in rounds], at_least=RATE),
        Goal(
            f"{STREAMS} streams of {PER_SECOND} events a second: late at p99, ms",
            [one[GATEWAY].streams.lateness.p99 / 1e3 for one in rounds],
            at_most=LATE,
        ),
        # Later rounds use again what the first one took.
        Goal(
            "memory a stream, KiB, the most of all rounds",
            [max(one[GATEWAY].memory for one in rounds)],
            at_most=MEMORY,
        ),
    ]


def main() -> int:
    """Measure and report."""
    options = arguments(__doc__, rounds=5).parse_args()
    programs = install(options.python)
    rounds: list[dict[str, Found]] = []
    with Deployment() as deployment, ways(deployment, programs) as found:
        for number in range(options.rounds):
            print(f"bench: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append({name: measure(way) for name, way in found.items()})
    tables = f"{describe(programs)}\n\n{rows(rounds)}"
    return report("bench-gateway", tables, goals(rounds), rounds, options)


if __name__ == "__main__":
    sys.exit(main())
