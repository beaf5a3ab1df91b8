"""One figure of the agent beside its peer's, what is wanted of it, and its line of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.report import spread, table

HEAD: Final = ["figure", "Freshkey", "peer", "ratio", "goal", "met"]


@dataclass(frozen=True)
class Figure:
    """Medians of what each round found; a ratio is taken within a round.

    The first bound is of the ratio if there is a peer, and `of_ours` is not set; else of Freshkey's
    own figure.
    """

    key: str
    """What names it in JSON, and for the regression gate."""
    name: str
    unit: str
    ours: Sequence[float]
    peer: str = ""
    theirs: Sequence[float] = ()
    at_most: float | None = None
    at_least: float | None = None
    of_ours: bool = False
    digits: int = 0

    @property
    def ratios(self) -> list[float]:
        """Freshkey's to the peer's, round by round; empty without a peer."""
        if not self.theirs:
            return []
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is; None when there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        value = median(self.ours) if self._is_bound_of_ours() else median(self.ratios)
        low = self.at_least is not None and value < self.at_least
        high = self.at_most is not None and value > self.at_most
        return not (low or high)

    def row(self) -> list[str]:
        """Return its line of the table."""
        ratio = spread(self.ratios, 2) if self.ratios else ""
        theirs = f"{self.peer}: {self._told(self.theirs)}" if self.theirs else self.peer
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return [self.name, self._told(self.ours), theirs, ratio, self._goal(), met]

    def _told(self, values: Sequence[float]) -> str:
        return f"{spread(values, self.digits)} {self.unit}".rstrip()

    def _goal(self) -> str:
        bounds = {"≤": self.at_most, "≥": self.at_least}
        unit = f" {self.unit}".rstrip() if self._is_bound_of_ours() else " times"
        return ", ".join(
            f"{sign} {bound:g}{unit}" for sign, bound in bounds.items() if bound is not None
        )

    def _is_bound_of_ours(self) -> bool:
        return self.of_ours or not self.theirs


def figures_table(figures: Sequence[Figure]) -> str:
    """Return the table."""
    return table(HEAD, [figure.row() for figure in figures])
