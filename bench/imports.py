"""What a start spends on imports, by package: from what the interpreter itself notes of a start.

https://docs.python.org/3/using/cmdline.html#cmdoption-X
"""

from __future__ import annotations

import re
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.report import table

if TYPE_CHECKING:
    from collections.abc import Sequence

OPTION: Final = ["-X", "importtime"]
LINE: Final = re.compile(r"^import time: +([0-9]+) \| +[0-9]+ \| +(\S+)$", re.MULTILINE)
LIBRARIES: Final = {
    "httpx": ("httpx", "httpcore", "h11", "anyio", "certifi", "idna"),
    "hvac": ("hvac", "requests", "urllib3", "charset_normalizer"),
    "trio": ("trio", "attr", "attrs", "outcome", "sniffio", "sortedcontainers"),
}
"""Those that come with others."""
PARTS: Final = {package: name for name, packages in LIBRARIES.items() for package in packages}
OTHERS: Final = ("httptools", "jinja2", "msgspec", "prometheus_client", "structlog", "watchfiles")


def by_part(text: str) -> dict[str, float]:
    """Sum up the milliseconds that a program's output names, by part.

    Each module's own time counts, without what it imports in turn. Parts are the rooms of
    Freshkey, libraries with theirs, and all else as the standard library.
    """
    found: dict[str, float] = defaultdict(float)
    for own, module in LINE.findall(text):
        found[_part(module)] += int(own) / 1e3
    return dict(found)


def _part(module: str) -> str:
    package, *rest = module.split(".")
    if package == "freshkey":
        return ".".join([package, *rest[:1]])
    return PARTS.get(package, package if package in OTHERS else "standard library")


def imports_table(rounds: Sequence[dict[str, float]], least: float = 2.0) -> str:
    """Return medians of the rounds, the longest first; parts under `least` ms are one line."""
    names = {name for found in rounds for name in found}
    medians = {name: median(found.get(name, 0.0) for found in rounds) for name in names}
    shown = sorted((name for name in names if medians[name] >= least), key=lambda n: -medians[n])
    rows = [[name, f"{medians[name]:.0f}"] for name in shown]
    rest = sum(medians[name] for name in names if medians[name] < least)
    total = median(sum(found.values()) for found in rounds)
    return table(["imports", "ms"], [*rows, ["the rest", f"{rest:.0f}"], ["all", f"{total:.0f}"]])
