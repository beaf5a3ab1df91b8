"""The figures as JSON, as a small table for the README, and as its picture."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.figures.picture import bars, draw
from bench.report import table
from testbed.results import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures.figure import Figure

ROOT: Final = Path(__file__).resolve().parents[2]
FIGURES: Final = ROOT / "bench" / "figures.json"
README: Final = ROOT / "README.md"
PICTURE: Final = ROOT / "docs" / "measured.svg"
IN_README: Final = {
    "start": "start to key file",
    "restart": "restart to key file",
    "resident": "resident memory",
    "proportional": "proportional memory",
    "processor": "processor time at rest, an hour",
    "mints": "keys minted for 100 reads",
    "alive": "keys alive after 20 restarts",
}
"""Beside Vault Agent, the peer that users would pick instead."""


def record(figures: Sequence[Figure]) -> None:
    """Write those of a whole run; ValueError when one is missing that the README shows."""
    shown = [figure for figure in figures if figure.key in IN_README]
    if missing := IN_README.keys() - {figure.key for figure in shown}:
        raise ValueError(f"this is no whole run: {', '.join(sorted(missing))} is missing")
    measured = {figure.key: _values(figure) for figure in figures}
    FIGURES.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
    put(README, "bench", small_table(shown))
    PICTURE.write_text(draw(bars(shown, IN_README)))


def _values(figure: Figure) -> dict[str, object]:
    """Return medians, and the ratio of medians of rounds."""
    found: dict[str, object] = {
        "name": figure.name,
        "unit": figure.unit,
        "freshkey": round(median(figure.ours), 3),
    }
    if figure.theirs:
        found |= {"peer": figure.peer, "peer's": round(median(figure.theirs), 3)}
        found["ratio"] = round(median(figure.ratios), 4)
    return found


def small_table(figures: Sequence[Figure]) -> str:
    """Return the README's: medians only."""
    rows = []
    for figure in figures:
        ours, theirs = (
            f"{median(values):,.{figure.digits}f} {figure.unit}".rstrip()
            for values in (figure.ours, figure.theirs)
        )
        rows.append([IN_README[figure.key], ours, theirs])
    return table(["", "Freshkey", "Vault Agent"], rows)
