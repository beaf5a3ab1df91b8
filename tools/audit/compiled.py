"""What is compiled into an installed package, as the bill in its wheel tells, or compiled.toml.

Wheels whose extension modules link other software, such as Rust crates, name it in a bill of
materials of their own: https://peps.python.org/pep-0770/. For those that do not, READ has it.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tools.audit.lock import Pinned

READ: Final = Path(__file__).with_name("compiled.toml")


@dataclass(frozen=True)
class Compiled:
    """One such component; `licence` is an SPDX expression, None if the bill has none."""

    name: str
    version: str
    licence: str | None
    purl: str


def compiled_into(package: str) -> list[Compiled]:
    """Return all of them, in order. Raises ValueError for a wheel's bill of another kind.

    Time, number, and paths in a wheel's bill are of the machine that built the wheel, and are left
    out. So the wheels for Linux tell the same, whatever processor and libc they are for.
    """
    told = {
        component
        for path in distribution(package).files or ()
        if path.match("*.dist-info/sboms/*")
        for component in components(json.loads(path.read_text("utf-8")))
    }
    read = {Compiled(**each) for each in _read().get(package, {}).get("components", ())}
    return sorted(told | read, key=lambda component: component.purl)


def outdated(packages: Iterable[Pinned]) -> Iterator[str]:
    """Tell of each package that is pinned in another version than somebody read."""
    read = _read()
    for package in packages:
        if package.name in read and (known := read[package.name]["version"]) != package.version:
            yield (
                f"{package.name}: {READ.name} tells what is compiled into {known}, and not "
                f"{package.version}: look into its source archive"
            )


def components(bill: Mapping[str, Any]) -> Iterator[Compiled]:
    """Give what a bill lists, but for what only the build needed; ValueError if not CycloneDX."""
    if bill.get("bomFormat") != "CycloneDX":
        raise ValueError("a wheel has a bill that is not CycloneDX")
    for raw in bill.get("components", ()):
        if raw.get("scope") != "excluded":
            yield Compiled(raw["name"], raw["version"], _licence(raw), raw["purl"])


def _read() -> dict[str, Any]:
    return tomllib.loads(READ.read_text())


def _licence(raw: Mapping[str, Any]) -> str | None:
    """Return the one expression that tells everything."""
    match raw.get("licenses"):
        case [{"expression": str(text)}]:
            return text
        case _:
            return None
