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

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
CODE: Final = ROOT / "agent" / "freshkey"
PAGE: Final = ROOT / "docs" / "events.md"
NAME: Final = re.compile(r"[a-z]+\.[a-z_]+")
LOGGED: Final = {"debug", "info", "warning", "error", "exception", "log", "_warn"}
"""Functions that put an event into the log, by its level where their name says it."""
TOLD: Final = {"tell", "tell_cleaned", "_tell_fault"}
AUDITED: Final = {"audit", "audited", "on_gone"}
LEVELS: Final = {
    "_warn": "warning",
    "_tell_fault": "warning",
    "tell_cleaned": "warning",
    "exception": "error",
}
UNNAMED: Final = {"exc_info", "level"}
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
WORDS: Final = {
    "agent.started": "the agent runs",
    "agent.stopped": "it has ended in order",
    "agent.stopping": "it was asked to end",
    "audit.crashed": "reads could not be recorded, and their answers were not sent: report it",
    "audit.failed": "the audit file takes nothing: events go to the log until it does",
    "audit.recovered": "the audit file takes events again",
    "clock.jumped": "the wall clock moved by more than 5 s: leases are looked up",
    "config.not_watched": "a change of the configuration will not be noticed: send SIGHUP",
    "connection.failed": "a fault of the agent's own ended one connection: report it",
    "connection.refused": "a client found no room (`server.max_connections`)",
    "credential.cleaned": "white space around a credential was taken off",
    "credential.not_removed": "a credential that should be removed after its login is still there",
    "credential.replaced": "a credential's file holds another one now, and is left alone",
    "credential.unusable": "the token file holds no token that can be used",
    "finalizer.failed": "a fault of the agent's own, outside of any task: report it",
    "hook.done": "a hook has run",
    "hook.failed": "a hook failed, and runs again later",
    "hooks.not_kept": "which hooks have run could not be written: some may run twice",
    "hooks.unreadable": "which hooks have run could not be read: some may run twice",
    "journal.adopted": "the agent goes on with the keys of its journal",
    "journal.failed": "the journal can't be written",
    "journal.lost": "at the end there is no journal: what lives on is named",
    "journal.recovered": "the journal is written again",
    "journal.restored": "somebody else changed the journal; it is as it was",
    "journal.set_aside": "a journal that can't be used was renamed",
    "key.directory_changed": "somebody else changed a directory of key files",
    "key.fetched": "another value of a secret without a lease",
    "key.file_changed": "somebody else changed a key file",
    "key.file_failed": "a key file can't be written or removed",
    "key.file_warning": "others could replace a key file",
    "key.files_recovered": "all files of a key are written again",
    "key.mint_intended": "Vault is about to be asked for a new key",
    "key.minted": "Vault gave a new key",
    "key.published": "readers have a new key",
    "key.published_untested": "readers have a key that OpenAI could not be asked about",
    "key.read": "somebody read a key, or was refused",
    "key.rejected": "a reader says that OpenAI refused its key",
    "key.renewal_failed": "a lease could not be renewed",
    "key.renewed": "a lease was renewed",
    "key.replacement_failed": "a key could not be replaced",
    "key.replacement_wanted": "a key is to be replaced",
    "key.reported": "a reader's report is looked into",
    "key.rotate_asked": "somebody asked for another key",
    "key.stale": "a key is past its end, and still served",
    "key.tested": "OpenAI was asked whether a key works",
    "key.withdrawn": "a key was taken from its readers",
    "lease.check_failed": "Vault could not be asked whether a lease lives",
    "lease.corrected": "a lease ends at another time than was thought",
    "lease.ended": "a retired lease has reached its end",
    "lease.gone": "a lease has ended before its time",
    "lease.left": "a lease lives to its end, because its Vault is not configured any more",
    "lease.revocation_failed": "a lease could not be revoked, and that is tried again",
    "lease.revoked": "Vault took a revocation over",
    "library.message": "a library has something to say",
    "log.dropped": "so many lines found no room, because nobody read them",
    "mint.abandoned": "a mint got no answer: a lease of unknown id may live",
    "mint.over_budget": "a mint waits (`vault.max_mints_per_minute`)",
    "process.not_hardened": "a measure that protects the process can't be had",
    "reload.begun": "a configuration without a fault was read; keys and tables that differ",
    "reload.done": "the configuration is in force",
    "reload.refused": "a configuration with a fault changes nothing",
    "secret.cleaned": "white space around a secret in Vault was taken off",
    "server.access_unchanged": "a reload could not give a socket another mode or owner",
    "server.accept_failed": "the system lets nobody connect for a moment",
    "server.socket_left": "the socket's file could not be removed",
    "server.socket_lost": "the socket's file is gone, and can't be made anew",
    "server.socket_restored": "the socket's file is there again",
    "server.too_few_descriptors": "fewer files may be open than connections are configured",
    "state.directory": "the state directory may hurt later (of `check --online`)",
    "state.failed": "the state directory can't be used",
    "state.restored": "the state directory is as it was",
    "state.swappable": "keys on a tmpfs can be written to swap",
    "token.logged_in": "Vault gave a token",
    "token.lost": "Vault does not know the token any more",
    "token.renewed": "the token was renewed",
    "token.revoked": "the token was revoked",
    "vault.away": "Vault can't be had",
    "vault.back": "Vault answers again",
    "vault.tls_files_reloaded": "certificates on disk have changed, and are used",
    "vault.tls_files_unusable": "certificates on disk have changed, and can't be used",
}
HEAD: Final = """\
# Events

Every line of the log is one event: JSON with `timestamp`, `level`, and `event`, and the fields
below. The record for auditors is in the log, too, and alone in `log.audit_file` where there is
one; reads are then there only. Names and fields stay; new ones may come. `make events` makes this
page from the code.

Under systemd, with `log.format = "auto"`, the journal gets a line for people (`key.published
key=billing …`) and each field by itself: `journalctl FRESHKEY_EVENT=key.published
FRESHKEY_KEY=billing`.
"""
OF_THE_RECORD: Final = """
Each has `key`, `tag`, `lease_id`, `api_key_id`, and `service_account`, besides; what clients do has
the fields that are named there, and no others.
"""


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
        known = function if function in {"debug", "info", "warning", "error"} else "info"
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


def events() -> dict[str, Event]:
    """Return every event by its name."""
    found: dict[str, Event] = defaultdict(Event)
    for name, function, call in calls():
        found[name].add(call, function)
    for name, spread in SPREAD.items():
        found[name].fields |= dict.fromkeys(spread)
    for name in ("key.read", "key.rejected", "key.rotate_asked"):
        found[name].audited = True
        found[name].fields = dict.fromkeys(OF_A_READ)
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
