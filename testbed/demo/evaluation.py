"""Which failed request belongs to which scenario, and whether the scenario's bound held.

Pure: what happened goes in, an evaluation comes out. Instants are seconds of CLOCK_MONOTONIC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from testbed.demo.consumers.counts import FailureKind

Tolerance = tuple[str, FailureKind]
"""A consumer's name, and how its requests may fail between the event and its bound."""


@dataclass(frozen=True)
class Bound:
    """What a scenario promises: seconds until all is well again, or so many tries in a minute.

    Only seconds make a window in which failures are tolerated.
    """

    limit: float
    unit: Literal[" s", "/min"] = " s"

    @property
    def window(self) -> float:
        """For how many seconds after the event failures are tolerated."""
        return self.limit if self.unit == " s" else 0.0

    def __str__(self) -> str:
        return f"{self.limit:g}{self.unit}"


@dataclass(frozen=True)
class FailedRequest:
    """A request of one of the agent's readers that was not served, by whomever."""

    at: float
    consumer: str
    kind: FailureKind


@dataclass(frozen=True)
class Outcome:
    """What was seen: `measured` in the bound's unit, None when it never came; other `faults`."""

    event: float
    measured: float | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScenarioResult:
    """A scenario that is over. It `began` with its preparation, before its event."""

    name: str
    bound: Bound
    tolerated: frozenset[Tolerance]
    began: float
    outcome: Outcome


@dataclass(frozen=True)
class Evaluation:
    """A scenario with its failed requests: those that its bound tolerates, and all others."""

    result: ScenarioResult
    within: tuple[FailedRequest, ...]
    elsewhere: tuple[FailedRequest, ...]

    @property
    def measured(self) -> str:
        """What was measured, for people."""
        measured = self.result.outcome.measured
        return (
            "never" if measured is None else f"{_format_number(measured)}{self.result.bound.unit}"
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the bound did not hold, a line each; empty when it did."""
        result = self.result
        measured, bound = result.outcome.measured, result.bound
        lines = list(result.outcome.faults)
        if measured is None:
            lines.insert(0, f"it never came, where {bound} is the bound")
        elif measured > bound.limit:
            lines.insert(0, f"{self.measured}, where {bound} is the bound")
        if self.elsewhere:
            first = self.elsewhere[0]
            lines.append(
                f"{len(self.elsewhere)} refusals elsewhere, the first one to {first.consumer!r} "
                f"{first.at - result.outcome.event:+.1f} s from the event ({first.kind})"
            )
        return tuple(f"{result.name}: {line}" for line in lines)


def _format_number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def evaluate(
    scenarios: Sequence[ScenarioResult], failed_requests: Iterable[FailedRequest]
) -> list[Evaluation]:
    """Return the evaluations of the scenarios, which are in the order of time.

    Every failure is in exactly one of them: what comes before the first scenario is the first
    one's, and what comes between two is that of the one before.
    """
    ordered = sorted(failed_requests, key=lambda failed_request: failed_request.at)
    begins = [-inf, *(scenario.began for scenario in scenarios[1:]), inf]
    return [
        _evaluate_one(
            scenario, [request for request in ordered if begins[i] <= request.at < begins[i + 1]]
        )
        for i, scenario in enumerate(scenarios)
    ]


def _evaluate_one(result: ScenarioResult, failed_requests: Sequence[FailedRequest]) -> Evaluation:
    return Evaluation(
        result,
        within=tuple(request for request in failed_requests if _is_tolerated(request, result)),
        elsewhere=tuple(
            request for request in failed_requests if not _is_tolerated(request, result)
        ),
    )


def _is_tolerated(failed_request: FailedRequest, result: ScenarioResult) -> bool:
    since = failed_request.at - result.outcome.event
    return (
        0 <= since <= result.bound.window
        and (failed_request.consumer, failed_request.kind) in result.tolerated
    )
