"""Under which licence each package is, and whether that one is allowed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import metadata, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from license_expression import (
    AND,
    ExpressionError,
    LicenseExpression,
    LicenseSymbol,
    get_spdx_licensing,
)

from tools.audit.compiled import compiled_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.audit.lock import Pinned

RULES: Final = Path(__file__).with_name("licences.toml")
SPDX: Final = get_spdx_licensing()


@dataclass(frozen=True)
class Rules:
    """Which licences are `allowed`, each with the reason; `read` are those that metadata lack."""

    allowed: Mapping[str, str]
    read: Mapping[str, str]

    @classmethod
    def load(cls, path: Path = RULES) -> Rules:
        """Read them."""
        raw = tomllib.loads(path.read_text())
        return cls(raw["allowed"], raw["read"])


def licence_of(name: str, rules: Rules) -> str | None:
    """Return the SPDX expression of an installed package; None if nothing tells it.

    https://packaging.python.org/en/latest/specifications/core-metadata/#license-expression, or the
    older field `License`, where that holds an expression; or what was read in its licence file.
    """
    said = metadata(name).json
    for text in (said.get("license_expression"), said.get("license"), rules.read.get(name)):
        if text and _parsed(str(text)) is not None:
            return str(text)
    return None


def forbidden(packages: Iterable[Pinned], rules: Rules) -> Iterator[str]:
    """Tell of each licence of a package, or of what is compiled into it, that is not allowed."""
    for package in packages:
        if (installed := version(package.name)) != package.version:
            yield f"{package.name}: {installed} is installed, and not {package.version}"
        text = licence_of(package.name, rules)
        if text is None:
            yield f"{package.name}: nothing tells its licence; read it, and add it to {RULES.name}"
        elif not is_allowed(text, rules):
            yield f"{package.name}: {text} is not among the licences that {RULES.name} allows"
        yield from _forbidden_within(package, rules)


def _forbidden_within(package: Pinned, rules: Rules) -> Iterator[str]:
    for part in compiled_into(package.name):
        what = f"{package.name}: {part.name} {part.version}, which is compiled into it"
        if part.licence is None:
            yield f"{what}: the wheel's bill does not tell its licence"
        elif not is_allowed(part.licence, rules):
            yield f"{what}: {part.licence} is not among the licences that {RULES.name} allows"


def is_allowed(text: str, rules: Rules) -> bool:
    """Whether an expression can be met by allowed licences: all of AND, one of OR."""
    parsed = _parsed(text)
    return parsed is not None and _is_met(parsed, rules)


def _is_met(node: LicenseExpression, rules: Rules) -> bool:
    if isinstance(node, LicenseSymbol):
        return str(node.key) in rules.allowed
    met = (_is_met(part, rules) for part in node.args)
    return all(met) if isinstance(node, AND) else any(met)


def _parsed(text: str) -> LicenseExpression | None:
    try:
        return SPDX.parse(text, validate=True)
    except ExpressionError:
        return None
