"""What is compiled into an installed package, as far as the bill in its wheel tells.

Wheels whose extension modules link other software, such as Rust crates, name it in a bill of
materials of their own: https://peps.python.org/pep-0770/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Compiled:
    """One such component; `licence` is an SPDX expression, None if the bill has none."""

    name: str
    version: str
    licence: str | None
    purl: str


def compiled_into(package: str) -> list[Compiled]:
    """Return all of them, in order: none without a bill. Raises ValueError for another kind of one.

    Time, number, and paths in a wheel's bill are of the machine that built the wheel, and are left
    out. So the wheels for Linux tell the same, whatever processor and libc they are for.
    """
    return sorted(
        {
            component
            for path in distribution(package).files or ()
            if path.match("*.dist-info/sboms/*")
            for component in components(json.loads(path.read_text("utf-8")))
        },
        key=lambda component: component.purl,
    )


def components(bill: Mapping[str, Any]) -> Iterator[Compiled]:
    """Give what a bill lists, but for what only the build needed; ValueError if not CycloneDX."""
    if bill.get("bomFormat") != "CycloneDX":
        raise ValueError("a wheel has a bill that is not CycloneDX")
    for raw in bill.get("components", ()):
        if raw.get("scope") != "excluded":
            yield Compiled(raw["name"], raw["version"], _licence(raw), raw["purl"])


def _licence(raw: Mapping[str, Any]) -> str | None:
    """Return the one expression that tells everything."""
    match raw.get("licenses"):
        case [{"expression": str(text)}]:
            return text
        case _:
            return None
