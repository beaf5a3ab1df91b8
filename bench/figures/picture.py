"""A picture of ratios, in SVG that reads well on light and on dark ground."""

from __future__ import annotations

from html import escape
from math import log10
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures.figure import Figure

WIDTH: Final = 760
_TOP, _LINE, _BAR = 46, 34, 14
_LABELS: Final = 250  # where names end
_LOW, _HIGH = -2.0, 1.0  # powers of ten, the ends of the scale
_SCALE: Final = (WIDTH - _LABELS - 130) / (_HIGH - _LOW)
_STYLE: Final = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .dim { fill: #59636e; font-size: 12px }
  .rule { stroke: #59636e; stroke-width: 1.5 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .less { fill: #1a7f37 }
  .more { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .dim { fill: #9198a1 }
    .rule { stroke: #9198a1 }
    .grid { stroke: #3d444d }
    .less { fill: #3fb950 }
    .more { fill: #f0883e }
  }
"""


class Bar(NamedTuple):
    """A line of the picture: Freshkey's to its peer's, and both in words."""

    name: str
    ratio: float
    words: str


def bars(figures: Sequence[Figure], names: Mapping[str, str]) -> list[Bar]:
    """Return a bar for each figure."""
    found = []
    for figure in figures:
        ours, theirs = (
            f"{median(values):,.{figure.digits}f}" for values in (figure.ours, figure.theirs)
        )
        words = f"{ours} : {theirs} {figure.unit}".rstrip()
        found.append(Bar(names[figure.key], figure.ratio or 1.0, words))
    return found


def draw(lines: Sequence[Bar]) -> str:
    """Return the picture: bars to the left of the middle are Freshkey's lead."""
    height = _TOP + _LINE * len(lines) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Freshkey beside Vault Agent, as ratios</title>",
        f"<style>{_STYLE}</style>",
        _text(_LABELS, 18, "Freshkey : Vault Agent, less is better", "dim", "end"),
    ]
    for power in range(int(_LOW), int(_HIGH) + 1):
        kind = "grid" if power else "rule"
        parts.append(_rule(_x(10.0**power), height, kind))
        words = f"{10.0**power:g} times" if power else "equal"
        parts.append(_text(_x(10.0**power), 36, words, "dim", "middle"))
    for number, line in enumerate(lines):
        parts += _line(line, _TOP + _LINE * number)
    return "\n".join([*parts, "</svg>", ""])


def _line(line: Bar, top: int) -> list[str]:
    middle, end = _x(1.0), _x(line.ratio)
    left, width = min(middle, end), abs(middle - end)
    kind = "less" if line.ratio <= 1 else "more"
    base = top + _LINE / 2 + 4
    return [
        _text(_LABELS - 12, base, line.name, "", "end"),
        _box(left, top + (_LINE - _BAR) / 2, max(width, 1), kind),
        _text(WIDTH - 8, base, line.words, "", "end"),
    ]


def _x(ratio: float) -> float:
    return _LABELS + (min(max(log10(ratio), _LOW), _HIGH) - _LOW) * _SCALE


def _rule(x: float, height: int, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{height - 8}"/>'


def _box(x: float, y: float, width: float, kind: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}"'
    return f'<rect class="{kind}" {place} rx="2"/>'


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'
