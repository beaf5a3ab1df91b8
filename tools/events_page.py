"""Make docs/events.md: `python -m tools.events_page [--check]`.

Events, levels, and fields are read from the code; what each says to a person stands here, and an
event without words, or words without an event, is an error.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.event_words import HEAD, OF_THE_RECORD, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
CODE: Final = ROOT / "agent" / "freshkey"
PAGE: Final = ROOT / "docs" / "events.md"
NAME: Final = re.compile(r"[a-z]+\.[a-z_]+")
LOGGED: Final = {"debug", "info", "warning", "error", "critical", "exception", "log", "_warn"}
"""Functions that put an event into the log, by its level where their name says it."""
TOLD: Final = {"tell", "tell_cleaned", "_tell_fault"}
AUDITED: Final = {"audit", "audited", "on_gone"}
SEVERITIES: Final = {"debug", "info", "warning", "error", "critical"}
LEVELS: Final = {
    "_warn": "warning",
    "_tell_fault": "warning",
    "tell_cleaned": "warning",
    "exception": "error",
}
UNNAMED: Final = {"exc_info", "level"}
# Events whose names come from a table in the code: their level, and the fields of the one call.
FROM_TABLES: Final = {
    f"token.{request}_failed": ("warning", ("fault", "message", "retry_in"))
    for request in ("login", "renewal", "lookup", "revocation")
}
NO_EVENTS: Final = {
    "gateway.tcp",
    "hooks.json",
    "journal.json",
    "server.health",
    "server.socket",
    "state.persist",
    "vault.address",
    "vault.max_mints_per_minute",
}
"""What the code has that only looks like the name of an event."""
# What is passed as a mapping: the fields that it holds.
SPREAD: Final = {
    "audit.failed": ("file", "error", "message"),
    "hook.done": ("key", "hook", "generation", "seconds", "output"),
    "hook.failed": (
        "key",
        "hook",
        "generation",
        "seconds",
        "output",
        "attempt",
        "fault",
        "message",
    ),
    "reload.begun": ("added", "removed", "changed", "tables"),
}
OF_A_READ: Final = (
    "pid",
    "uid",
    "gid",
    "executable",
    "unit",
    "credential",
    "key",
    "tag",
    "outcome",
)


OF_A_REQUEST: Final = (
    "client",
    "key",
    "tag",
    "method",
    "path",
    "model",
    "status",
    "code",
    "x_request_id",
    "bytes_received",
    "bytes_sent",
    "seconds",
    "input_tokens",
    "output_tokens",
    "pid",
    "uid",
    "executable",
    "unit",
)


@dataclass
class Event:
    """One event, as the code tells of it, in one place or several."""

    levels: set[str] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)
    audited: bool = False

    def add(self, call: ast.Call, function: str) -> None:
        """Take a call that tells of it."""
        named = [a.attr.lower() for a in call.args if isinstance(a, ast.Attribute) and _is_level(a)]
        by_keyword = [
            k.value.attr.lower()
            for k in call.keywords
            if k.arg == "level" and isinstance(k.value, ast.Attribute)
        ]
        known = (
            function if function in {"debug", "info", "warning", "error", "critical"} else "info"
        )
        self.levels |= {*(named or by_keyword or [LEVELS.get(function, known)])}
        self.audited = self.audited or function in AUDITED
        self.fields |= dict.fromkeys(
            keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg not in UNNAMED
        )


def _is_level(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "Level"


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Give event, function, and call, wherever the code tells of one."""
    for file in sorted(CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            if name not in LOGGED | TOLD | AUDITED:
                continue
            for argument in node.args[:3]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    if NAME.fullmatch(argument.value):
                        yield argument.value, name, node
                    break


def names() -> set[str]:
    """Return every text of the code that looks like the name of an event."""
    first = {name.partition(".")[0] for name in WORDS}
    texts = {
        node.value
        for file in CODE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if NAME.fullmatch(text) and text.partition(".")[0] in first}


def events() -> dict[str, Event]:
    """Return every event by its name."""
    found: dict[str, Event] = defaultdict(Event)
    for name, function, call in calls():
        found[name].add(call, function)
    for name, spread in SPREAD.items():
        found[name].fields |= dict.fromkeys(spread)
    for name, (level, fields) in FROM_TABLES.items():
        found[name].levels.add(level)
        found[name].fields |= dict.fromkeys(fields)
    for name in ("gateway.run", "key.read", "key.rejected", "key.rotate_asked"):
        found[name].audited = True
        found[name].fields = dict.fromkeys(OF_A_READ)
    found["gateway.request"] = Event({"info"}, dict.fromkeys(OF_A_REQUEST), audited=True)
    return dict(sorted(found.items()))


def page() -> str:
    """Return docs/events.md. SystemExit when an event has no words, or words no event."""
    found = events()
    if odd := found.keys() ^ WORDS.keys():
        sys.exit(f"tools/events_page.py: words without event, or event without: {sorted(odd)}")
    parts = [HEAD]
    for title, audited, more in (
        ("The record for auditors", True, OF_THE_RECORD),
        ("The rest of the log", False, ""),
    ):
        parts += [f"\n## {title}\n{more}\n| event | level | fields | |\n|---|---|---|---|\n"]
        for name, event in found.items():
            if event.audited is audited:
                fields = ", ".join(f"`{_shown(field)}`" for field in event.fields)
                levels = ", ".join(sorted(event.levels))
                parts.append(f"| `{name}` | {levels} | {fields} | {WORDS[name]} |\n")
    return "".join(parts)


def _shown(name: str) -> str:
    """Name a field as people see it: instants of the lease clock are translated for them."""
    return "not_after" if name == "expires_at" else name


def main() -> int:
    """Write the page, or check it."""
    new = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() != new:
            sys.stderr.write("docs/events.md is old: run `make events`\n")
            return 1
        return 0
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
