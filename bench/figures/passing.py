"""What the gateway adds to a request, beside nginx with a header that is fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures.figure import Figure
from bench.gateway import DIRECT, GATEWAY, NGINX, RATE, SLOWER, measure_requests, ways

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment
    from bench.gateway_generator import Requests

Round = dict[str, tuple["Requests", "Requests"]]
"""By way: with one connection, and with many."""


def measure(deployment: Deployment, programs: Path, rounds: int) -> list[Round]:
    """Ask each way in turns; streams are in `make bench-gateway`."""
    with ways(deployment, programs) as found:
        return [{name: measure_requests(way) for name, way in found.items()} for _ in range(rounds)]


def figures(found: list[Round]) -> list[Figure]:
    """Return a line for what is added, and one for many at once."""

    def added(name: str) -> list[float]:
        return [one[name][0].latency.p50 - one[DIRECT][0].latency.p50 for one in found]

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
            "requests a second through the gateway, 64 connections",
            "",
            [one[GATEWAY][1].rate for one in found],
            NGINX,
            [one[NGINX][1].rate for one in found],
            at_least=RATE,
            of_ours=True,
        ),
    ]
