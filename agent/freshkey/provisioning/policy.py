"""Needs of a configuration, written as a policy of Vault. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from freshkey.provisioning.needs import Need

# What a policy takes for a pattern or a template, wherever it is quoted.
_PATTERN: Final = re.compile(r"\*$|(?:^|/)\+(?:/|$)|\+\*|\{\{|\}\}")
# HCL has escapes for these; `${` would begin an interpolation, which needs its end.
_ESCAPED: Final = (("\\", "\\\\"), ('"', '\\"'), ("${", "\\u0024{"))


def hcl(wanted: Iterable[Need]) -> str:
    """Write needs as a policy, a commented block each.

    Source: https://developer.hashicorp.com/vault/docs/concepts/policies#policy-syntax
    """
    return "\n".join(_blocks(wanted))


def pattern_in(path: str) -> str | None:
    """Return the part of a path that a policy would not take as it stands; None: there is none."""
    found = _PATTERN.search(path)
    return found[0] if found else None


def _blocks(wanted: Iterable[Need]) -> Iterator[str]:
    announced = False
    for need in wanted:
        if need.default and not announced:
            announced = True
            yield "# Vault's own policy `default` has all that follows: for tokens without it.\n"
        who = "" if need.default else f"{', '.join(need.places)}: "
        yield (
            f"# {who}{need.purpose}\n"
            f'path "{_escaped(need.path)}" {{\n  capabilities = ["{need.capability}"]\n}}\n'
        )


def _escaped(path: str) -> str:
    for plain, escape in _ESCAPED:
        path = path.replace(plain, escape)
    return path
