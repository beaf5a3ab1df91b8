"""Manual pages: text becomes roff, as man(7) has it."""

from __future__ import annotations

import re
from typing import final


@final
class ManualPage:
    """Collects the lines of a page. In texts, what stands in backticks becomes bold."""

    def __init__(self, name: str, section: int, version: str, purpose: str) -> None:
        self._lines = [
            f'.TH {name.upper()} {section} "" "freshkey {version}" "Freshkey"',
            ".nh",  # names and paths are not to be hyphenated,
            ".ad l",  # nor lines stretched
        ]
        self.heading("Name")
        self._lines.append(f"{_escaped(name)} \\- {_escaped(purpose)}")

    def heading(self, title: str) -> None:
        """Begin a section."""
        self._lines.append(f".SH {_escaped(title.upper())}")

    def subheading(self, title: str) -> None:
        """Begin a part of a section."""
        self._lines.append(f".SS {_escaped(title)}")

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._lines += [".PP", _formatted(text)]

    def item(self, term: str, *texts: str) -> None:
        """Add a term, and below it paragraphs about it."""
        self._lines += [".TP", f"\\fB{_escaped(term)}\\fR"]
        for number, text in enumerate(texts):
            self._lines += [*([".br"] if number else []), _formatted(text)]

    def example(self, text: str) -> None:
        """Add lines as they are."""
        lines = map(_escaped, text.strip().splitlines())
        self._lines += [".PP", ".in +4n", ".EX", *lines, ".EE", ".in"]

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def _formatted(text: str) -> str:
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    whole = "".join(
        f"\\fB{_escaped(part)}\\fR" if number % 2 else _escaped(part)
        for number, part in enumerate(parts)
    )
    return f"\\&{whole}" if whole.startswith((".", "'")) else whole


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = escaped.replace("…", "...")  # so that a page is ASCII
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
