"""docs/configuration.md: every option in tables."""

from __future__ import annotations

import re
from typing import Final

from tools.reference.man_pages import CONVENTIONS
from tools.reference.options import Option, tables

HEAD: Final = """\
# The configuration

{conventions}
[configs/freshkey.toml](../configs/freshkey.toml) is an example to start from, and `freshkey init`
writes a short one. `freshkey check` reports every fault. `make reference` makes this page, and
freshkey.toml(5), from the code.
"""


def configuration() -> str:
    """Return the page."""
    parts = [HEAD.format(conventions=CONVENTIONS.strip("\n") + "\n")]
    for table in tables():
        parts.append(f"\n## {_header(table.header)}\n")
        if table.text:
            parts.append(f"\n{table.text}\n")
        parts.append("\n| option | type | default | |\n|---|---|---|---|\n")
        parts += map(_row, table.options)
    return "".join(parts)


def _header(header: str) -> str:
    return re.sub(r"^\[.*\]", lambda name: f"`{name[0]}`", header)


def _row(option: Option) -> str:
    default = f"`{option.default}`" if option.default else "required" if option.required else ""
    text = f"{option.text} Or the variable `{option.variable}`." if option.variable else option.text
    kind = option.kind.replace("|", "\\|")
    return f"| `{option.name}` | {kind} | {default} | {text} |\n"
