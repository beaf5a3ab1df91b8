"""Which request that was not served belongs to which chapter, and whether the chapter held.

Pure: what happened goes in, a verdict comes out. Instants are seconds of CLOCK_MONOTONIC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from testbed.demo.consumers.counts import MissKind

Excuse = tuple[str, MissKind]
"""A reader's name, and how its requests may be missed between the event and its bound."""


@dataclass(frozen=True)
class Bound:
    """What a chapter promises: seconds until all is well again, or so many tries in a minute.

    Only seconds make a window in which refusals are excused.
    """

    most: float
    unit: Literal[" s", "/min"] = " s"

    @property
    def window(self) -> float:
        """For how many seconds after the event refusals are excused."""
        return self.most if self.unit == " s" else 0.0

    def __str__(self) -> str:
        return f"{self.most:g}{self.unit}"


@dataclass(frozen=True)
class Refusal:
    """A request of one of the agent's readers that was not served, by whomever."""

    at: float
    reader: str
    kind: MissKind


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
    def measured(self) -> str:
        """What was measured, for people."""
        measured = self.told.outcome.measured
        return "never" if measured is None else f"{_short(measured)}{self.told.bound.unit}"

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the chapter did not hold, a line each; empty when it did."""
        told = self.told
        measured, bound = told.outcome.measured, told.bound
        lines = list(told.outcome.faults)
        if measured is None:
            lines.insert(0, f"it never came, where {bound} is the bound")
        elif measured > bound.most:
            lines.insert(0, f"{self.measured}, where {bound} is the bound")
        if self.elsewhere:
            first = self.elsewhere[0]
            lines.append(
                f"{len(self.elsewhere)} refusals elsewhere, the first one to {first.reader!r} "
                f"{first.at - told.outcome.event:+.1f} s from the event ({first.kind})"
            )
        return tuple(f"{told.name}: {line}" for line in lines)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


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
