"""Which request that was not served belongs to which chapter, and whether the chapter held.

Pure: what happened goes in, a verdict comes out. Instants are seconds of CLOCK_MONOTONIC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from testbed.demo.consumers.counts import Kind

Excuse = tuple[str, Kind]
"""A reader's name, and how its requests may be missed between the event and its bound."""


@dataclass(frozen=True)
class Bound:
    """What a chapter promises: seconds until all is well again, or so many of something else.

    Only seconds make a window in which misses are excused.
    """

    most: float
    unit: str = "s"

    @property
    def window(self) -> float:
        """For how many seconds after the event misses are excused."""
        return self.most if self.unit == "s" else 0.0

    def __str__(self) -> str:
        return f"{self.most:g} {self.unit}"


@dataclass(frozen=True)
class Refusal:
    """A request of one of the agent's readers that was not served."""

    at: float
    reader: str
    kind: Kind


@dataclass(frozen=True)
class Outcome:
    """What was seen: `measured` in the bound's unit, None when it never came; other `faults`."""

    event: float
    measured: float | None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """A chapter that is over. It `began` with what it had to prepare, before its event."""

    name: str
    bound: Bound
    excused: frozenset[Excuse]
    began: float
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """A chapter with its refusals: those that its bound excuses, and all others."""

    told: Told
    within: tuple[Refusal, ...]
    elsewhere: tuple[Refusal, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the chapter did not hold, a line each; empty when it did."""
        told = self.told
        measured, bound = told.outcome.measured, told.bound
        lines = list(told.outcome.faults)
        if measured is None:
            lines.insert(0, f"it never came, and had to within {bound}")
        elif measured > bound.most:
            lines.insert(0, f"{measured:.1f} {bound.unit}, and {bound} is the bound")
        if self.elsewhere:
            first = self.elsewhere[0]
            lines.append(
                f"{len(self.elsewhere)} requests not served outside of the bound, the first one "
                f"by {first.reader!r} {first.at - told.outcome.event:+.1f} s from the event "
                f"({first.kind})"
            )
        return tuple(f"{told.name}: {line}" for line in lines)


def judge(chapters: Sequence[Told], refusals: Iterable[Refusal]) -> list[Verdict]:
    """Return the verdicts on the chapters, which are in the order of time.

    Every refusal is in exactly one of them: what comes before the first chapter is the first
    one's, and what comes between two is that of the one before.
    """
    ordered = sorted(refusals, key=lambda refusal: refusal.at)
    begins = [-inf, *(chapter.began for chapter in chapters[1:]), inf]
    return [
        _verdict(chapter, [each for each in ordered if begins[i] <= each.at < begins[i + 1]])
        for i, chapter in enumerate(chapters)
    ]


def _verdict(told: Told, refusals: Sequence[Refusal]) -> Verdict:
    return Verdict(
        told,
        within=tuple(each for each in refusals if _is_excused(each, told)),
        elsewhere=tuple(each for each in refusals if not _is_excused(each, told)),
    )


def _is_excused(refusal: Refusal, told: Told) -> bool:
    since = refusal.at - told.outcome.event
    return 0 <= since <= told.bound.window and (refusal.reader, refusal.kind) in told.excused
