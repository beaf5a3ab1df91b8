"""A page for each command, option, event, metric, and fault, from the code and the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tools.event_words import WORDS
from tools.events_page import events
from tools.reference.commands import commands
from tools.reference.options import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"


class Entry(NamedTuple):
    """One page of the reference: its file's name without the suffix, its title, and its text."""

    name: str
    title: str
    text: str


class Kind(NamedTuple):
    """All entries of one kind, and the page of docs/ that tells of them together."""

    name: str
    title: str
    page: str
    entries: tuple[Entry, ...]


def kinds() -> list[Kind]:
    """Return everything, in the order of the site."""
    return [
        Kind("commands", "Commands", "operating.md", tuple(_commands())),
        Kind("options", "Options", "configuration.md", tuple(_options())),
        Kind("events", "Events", "events.md", tuple(_events())),
        Kind("metrics", "Metrics", "metrics.md", tuple(_metrics())),
        Kind("faults", "Faults", "operating.md", tuple(_faults())),
    ]


def _commands() -> Iterator[Entry]:
    for command in commands():
        lines = [f"`{command.synopsis}`", "", f"{_sentence(command.does)}", ""]
        if command.arguments:
            lines += ["| | |", "|---|---|"]
        for argument in command.arguments:
            written = argument.written.replace("|", "\\|")
            lines.append(f"| `{written}` | {_sentence(argument.meaning)} |")
        yield Entry(command.name, f"freshkey {command.name}", "\n".join(lines))


def _options() -> Iterator[Entry]:
    for table in tables():
        for option in table.options:
            default = f"`{option.default}`" if option.default else "unset"
            facts = [
                f"In `{table.header}`." if '"' not in table.header else f"In {table.header}.",
                f"Type: {option.kind.replace('|', 'or')}.",
                "It has to be set." if option.required else f"Default: {default}.",
            ]
            if option.variable:
                facts.append(f"Or the variable `{option.variable}`.")
            name = f"{_file_name(table.header)}.{option.name}"
            yield Entry(
                name, f"{table.header} {option.name}", f"{option.text}\n\n{' '.join(facts)}"
            )


def _events() -> Iterator[Entry]:
    for name, event in events().items():
        levels = ", ".join(sorted(event.levels))
        fields = ", ".join(f"`{field}`" for field in event.fields) or "none"
        where = "the record for auditors, and the log" if event.audited else "the log"
        text = f"{_sentence(WORDS[name])}\n\nLevel: {levels}. In {where}.\n\nFields: {fields}."
        yield Entry(name, name, text)


def _metrics() -> Iterator[Entry]:
    page = (DOCS / "metrics.md").read_text()
    row = r"^\| `(freshkey_\w+)(?:\{([\w,]+)\})?` \| (.*?) \|$"
    for name, labels, text in re.findall(row, page, re.MULTILINE):
        shown = f"Labels: `{labels.replace(',', '`, `')}`." if labels else "No labels."
        yield Entry(name, name, f"{_sentence(text)}\n\n{shown}")


def _faults() -> Iterator[Entry]:
    page = (DOCS / "operating.md").read_text().partition("## What to do when an alert fires")[0]
    for row in re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE):
        name, means, does, advice = (_moved(cell) for cell in row)
        text = f"{_sentence(means)}\n\nThe agent: {does}.\n\nYou: {advice}."
        yield Entry(name, f"Fault {name}", text)


def _moved(text: str) -> str:
    """Let a link of a page of docs/ lead to the same from two directories below."""
    return re.sub(r"\]\((?!\w+:)", "](../../", text)


def _file_name(header: str) -> str:
    return re.sub(r"\W+", "-", header.replace("with method", "")).strip("-")


def _sentence(text: str) -> str:
    end = "" if text.endswith((".", "…", ":")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"
