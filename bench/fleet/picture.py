"""docs/fleet.svg: what a deployment does to the mints, and a restart to those who have no key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.fleet.figures import FRESHKEY, NODES_OF_20, VAULT_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.fleet.figures import Saved

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "fleet.svg"
LEFT, WIDTH, HEIGHT = 62, 680, 150
STEP: Final = 5  # minutes that a point of the first chart is the mean of
HOURS: Final = 6
MINUTES: Final = 120  # of the second chart
TITLE: Final = "Mints after a deployment, and who has no key after a restart"
FIRST: Final = "Mints a minute after a deployment of 1,000 (TTL 1 h, no limit)"
SECOND: Final = (
    "Applications without a key, in %, after a restart without a journal (10 calls a minute)"
)
CLASSES: Final = {FRESHKEY.name: "fk", VAULT_AGENT.name: "va", NODES_OF_20.name: "na"}
STYLE: Final = """\
<style>
  text { font: 13px sans-serif; fill: #222; }
  .small { font-size: 11px; fill: #555; }
  .grid { stroke: #999; stroke-opacity: 0.35; }
  polyline { fill: none; stroke-width: 2; }
  .va { stroke-dasharray: 6 4; }
  .fk { stroke: #00897b; } .va { stroke: #d9822b; } .na { stroke: #7c6fd6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd; } .small { fill: #aaa; }
    .fk { stroke: #2cc4b2; } .va { stroke: #f0a657; } .na { stroke: #a79cf5; }
  }
</style>"""


def picture(saved: Saved) -> str:
    """Return the picture."""
    mints = {name: _means(saved.mints[name][: 60 * HOURS]) for name in CLASSES}
    without = {
        fleet.name: [100 * n / fleet.agents for n in saved.without[fleet.name][:MINUTES]]
        for fleet in (FRESHKEY, VAULT_AGENT, NODES_OF_20)
    }
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 28} 500"'
    parts = [
        f'{head} role="img">',
        f"<title>{TITLE}</title>",
        STYLE,
        f'<text x="10" y="20">{FIRST}</text>',
        *_chart(40, mints, 200, HOURS, "h"),
        f'<text x="10" y="250">{SECOND}</text>',
        *_chart(270, without, 100, MINUTES, "min"),
        *_legend(480),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _means(curve: Sequence[int]) -> list[float]:
    return [sum(curve[at : at + STEP]) / STEP for at in range(0, len(curve), STEP)]


def _chart(
    top: int, curves: dict[str, list[float]], most: int, length: int, unit: str
) -> Iterator[str]:
    """Draw curves on one scale: `most` at the top, `length` units at the right."""
    bottom = top + HEIGHT
    for share in (0, 0.5, 1):
        y = bottom - HEIGHT * share
        yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:g}" y2="{y:g}"/>'
        yield f'<text class="small" x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">'
        yield f"{most * share:,.0f}</text>"
    for mark in range(7):
        x = LEFT + WIDTH * mark / 6
        words = f"{length * mark / 6:g} {unit}"
        yield f'<text class="small" x="{x:.0f}" y="{bottom + 16}" text-anchor="middle">{words}'
        yield "</text>"
    for name, curve in curves.items():
        wide, high = WIDTH / (len(curve) - 1), HEIGHT / most
        points = " ".join(
            f"{LEFT + wide * at:.1f},{bottom - high * min(value, most):.1f}"
            for at, value in enumerate(curve)
        )
        yield f'<polyline class="{CLASSES[name]}" points="{points}"/>'


def _legend(y: int) -> Iterator[str]:
    words = {FRESHKEY.name: "Freshkey", VAULT_AGENT.name: "Vault Agent's rule"}
    words[NODES_OF_20.name] = "Freshkey, one agent for 20 applications"
    for number, (name, text) in enumerate(words.items()):
        x = LEFT + 170 * number
        yield f'<polyline class="{CLASSES[name]}" points="{x},{y} {x + 22},{y}"/>'
        yield f'<text class="small" x="{x + 28}" y="{y + 4}">{text}</text>'
