"""docs/rotation.svg: two leases of an hour under the default options, as the core times them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.policy import KeyPolicy
from freshkey.core.model.state import Lease
from freshkey.core.pacing.timing import renewal_time

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR: Final = 3600.0
WIDTH: Final = 760  # pixels of the whole picture
LEFT: Final = 110  # pixels before the first minute
SCALE: Final = 6.2  # pixels a minute
TITLE: Final = "A key is replaced before its lease ends, and the old one works for the overlap"
LEGEND: Final = {
    "served": "served to readers",
    "overlap": "replaced, still works",
    "lease": "rest of the lease",
}
STYLE: Final = """\
<style>
  text { font: 13px sans-serif; fill: #222; }
  .small { font-size: 11px; fill: #555; }
  .lease { fill: #b9e3dc; }
  .served { fill: #00897b; }
  .overlap { fill: #f2b84b; }
  .at { stroke: #888; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) { text { fill: #ddd; } .small { fill: #aaa; } }
</style>"""


def rotation() -> str:
    """Return the picture."""
    policy = KeyPolicy()
    lease = Lease("id", 1, HOUR, renewable=False, started_at=0.0, expires_at=HOUR, draw=0.5)
    due, end = renewal_time(lease, policy) / 60, HOUR / 60
    over = due + policy.overlap / 60
    parts = [
        STYLE,
        *_key("first key", 52, [("lease", 0, end), ("served", 0, due), ("overlap", due, over)]),
        *_key("second key", 112, [("lease", due, due + end), ("served", due, 2 * due)]),
        '<text class="small" x="10" y="86">lease of an hour</text>',
        _mark(due, "mint, test, publish", 28),
        _mark(over, "revoke the first", 172),
        _mark(end, "where its lease would have ended", 196),
        *_legend(),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 250" role="img">'
    return "\n".join([head, f"<title>{TITLE}</title>", *parts, "</svg>"]) + "\n"


def _x(minute: float) -> float:
    return round(LEFT + minute * SCALE, 1)


def _key(name: str, top: int, spans: list[tuple[str, float, float]]) -> Iterator[str]:
    """Draw what becomes of one key: kinds of time, from minute to minute."""
    yield f'<text x="10" y="{top + 18}">{name}</text>'
    for kind, begin, end in spans:
        width = round(_x(end) - _x(begin), 1)
        yield f'<rect class="{kind}" x="{_x(begin)}" y="{top}" width="{width}" height="26"/>'


def _mark(minute: float, text: str, at: int) -> str:
    top, bottom = min(at, 52), max(at - 12, 138)
    line = f'<line class="at" x1="{_x(minute)}" x2="{_x(minute)}" y1="{top}" y2="{bottom}"/>'
    words = f"{minute:.0f} min: {text}"
    return f'{line}<text class="small" x="{_x(minute) + 5}" y="{at}">{words}</text>'


def _legend() -> Iterator[str]:
    for number, (kind, text) in enumerate(LEGEND.items()):
        left = LEFT + 170 * number
        yield f'<rect class="{kind}" x="{left}" y="222" width="14" height="14"/>'
        yield f'<text class="small" x="{left + 20}" y="233">{text}</text>'
