"""The table of docs/reliability.md, made by the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testbed.results import put, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEAD = (
    "scenario",
    "fault lasted",
    "keys found refused (at most)",
    "steady again after",
    "requests during it (at most)",
)


@dataclass(frozen=True)
class Result:
    """How one scenario went; spans are seconds."""

    scenario: str
    lasted: float
    refused: int
    refused_at_most: int
    refused_for: float
    steady_after: float
    requests: int
    requests_at_most: int

    def row(self) -> list[str]:
        """Return its line of the table."""
        refused = f"{self.refused} ({self.refused_at_most})"
        if self.refused:
            refused += f", for {self.refused_for:.1f} s"
        return [
            self.scenario,
            f"{self.lasted:.1f} s",
            refused,
            f"{self.steady_after:.1f} s",
            f"{self.requests} ({self.requests_at_most})",
        ]


class Results:
    """What a run found."""

    def __init__(self) -> None:
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        """Note one."""
        self._results.append(result)

    def write(self, page: Path = PAGE) -> None:
        """Put the table between the markers of the page."""
        put(page, "results", table(_HEAD, [result.row() for result in self._results]))
