"""Measures what a read costs: the agent's socket beside other servers that send the same bytes.

Then what a crowd of watchers costs, and many keys.

    python -m bench.unix_socket [--rounds 5] [--seconds 1] [--python PATH] [--json] [--write]

The agent is the one that users install, with its defaults and a real Vault behind it, and writes
its audit file on tmpfs. Server and load have a processor each. The servers take turns, round after
round, and a ratio is taken within a round: other work on the machine then changes it less. With 64
connections a time holds the wait for the 63 others. Exit status 1 says that a goal was missed.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Final

from bench import many_keys, watchers
from bench.deployment import Deployment
from bench.installed import describe, install
from bench.report import Goal, arguments, report, table
from bench.servers import AUDITED, GO, Servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CROWD: Final = 64  # connections
SLOWER: Final = 3.0  # times Go's p50, with one connection
SHARE: Final = 0.25  # of Go's answers a second, with a crowd
HEAD: Final = [
    "server",
    "1 connection: p50",
    "p99",
    f"{CROWD} connections: answers/s",
    "p50",
    "p99",
    "processor for an answer",
]

Figures = dict[str, dict[int, list[dict[str, float]]]]
"""By server and number of connections, what each round found."""


def row(name: str, figures: Mapping[int, Sequence[Mapping[str, float]]]) -> list[str]:
    """Return a server's line of the table: medians of the rounds."""

    def of(connections: int, field: str) -> float:
        return median(round_[field] for round_ in figures[connections])

    return [
        name,
        f"{of(1, 'p50'):,.0f} µs",
        f"{of(1, 'p99'):,.0f} µs",
        f"{of(CROWD, 'rate'):,.0f}",
        f"{of(CROWD, 'p50') / 1e3:.1f} ms",
        f"{of(CROWD, 'p99') / 1e3:.1f} ms",
        f"{of(CROWD, 'processor'):.0f} µs",
    ]


def ratios(figures: Figures, connections: int, field: str) -> list[float]:
    """Return the agent's to Go's, round by round."""
    pairs = zip(figures[AUDITED][connections], figures[GO][connections], strict=True)
    return [ours[field] / theirs[field] for ours, theirs in pairs]


def main() -> int:
    """Print the tables; return the exit status."""
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each number")
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) == 1:
        sys.exit("bench: this needs two processors: one for the server, one for the load")
    programs, peers = install(options.python), install(options.python, peers=True)
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with Deployment() as deployment:
        with ExitStack() as stack:
            servers = Servers(deployment, programs, peers, processors[0], stack).start()
            for _ in range(options.rounds):
                for connections in (1, CROWD):
                    for server in servers:
                        found = server.measure(connections, options.seconds, processors[-1])
                        figures[server.name][connections].append(found)
        apart = (processors[0], processors[-1])
        crowd = watchers.measure(deployment, programs, apart, options.rounds)
        keys = many_keys.measure(deployment, programs, options.rounds)
    goals = [
        Goal("p50 of a read, Freshkey's to Go's", ratios(figures, 1, "p50"), at_most=SLOWER),
        Goal(
            f"answers a second with {CROWD} connections, Freshkey's to Go's",
            ratios(figures, CROWD, "rate"),
            at_least=SHARE,
        ),
        *watchers.watchers_goals(crowd),
        *many_keys.keys_goals(keys),
    ]
    rows = [row(server.name, figures[server.name]) for server in servers]
    tables = "\n".join(
        [
            f"{describe(programs)}.\n",
            table(HEAD, rows),
            watchers.watchers_table(crowd),
            many_keys.keys_table(keys),
        ]
    )
    values = {
        "reads": figures,
        "watchers": [asdict(found) for found in crowd],
        "keys": [[asdict(found) for found in of_one] for of_one in keys],
    }
    return report("bench-socket", tables, goals, values, options)


if __name__ == "__main__":
    sys.exit(main())
