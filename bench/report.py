"""What a bench prints: tables in Markdown, goals, or all of it as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.installed import usual_python
from testbed.results import put

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "measurements.md"
WRITE_HELP: Final = f"put the tables into docs/{PAGE.name}, too"


@dataclass(frozen=True)
class Goal:
    """A bound for the median of what each round found."""

    name: str
    values: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def measured(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def met(self) -> bool:
        """Whether it keeps to the bound."""
        low = self.at_least is not None and self.measured < self.at_least
        high = self.at_most is not None and self.measured > self.at_most
        return not (low or high)

    def row(self) -> list[str]:
        """Return its line of the table of goals."""
        bounds = {"at most": self.at_most, "at least": self.at_least}
        wanted = ", ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound)
        measured = spread(self.values, 2)
        return [self.name, wanted, measured, "yes" if self.met else "no"]


def goals_table(goals: Sequence[Goal]) -> str:
    """Return a table of the goals."""
    return table(["goal", "wanted", "measured", "met"], [goal.row() for goal in goals])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns padded so that it reads well in a terminal too."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in (head, rule, *rows)
    )
    return "".join(f"| {line} |\n" for line in lines)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the median, and the range that it is from, if it is one."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    low, middle, high = (f"{f(values):,.{digits}f}" for f in (min, median, max))
    return f"{middle} ({low} to {high})"


def arguments(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every bench has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    help_ = "what the agent is installed for; usually the distribution's, where it can be"
    parser.add_argument("--python", type=Path, default=usual_python(), help=help_)
    parser.add_argument("--json", action="store_true", help="print all values, as JSON")
    parser.add_argument("--write", action="store_true", help=WRITE_HELP)
    return parser


def report(
    name: str, tables: str, goals: Sequence[Goal], values: object, options: argparse.Namespace
) -> int:
    """Print what a bench found; return 0 if every goal was met, 1 if not.

    With `--write` the tables go between the markers of this name on the page, too.
    """
    found = {goal.name: {"measured": goal.measured, "met": goal.met} for goal in goals}
    show(name, f"{tables}\n{goals_table(goals)}", {"goals": found, "rounds": values}, options)
    return 0 if all(goal.met for goal in goals) else 1


def show(name: str, tables: str, values: object, options: argparse.Namespace) -> None:
    """Print tables, or the values as JSON; write the tables, if that is asked for."""
    print(json.dumps(values, indent=2) if options.json else tables, end="")
    if options.write:
        write(name, tables)


def write(name: str, text: str) -> None:
    """Put text between the markers of this name on PAGE; ValueError when it has none."""
    put(PAGE, name, text)
