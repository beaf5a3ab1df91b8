"""`freshkey init`: writes a configuration to start with, and says what to do next."""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.provisioning.starter import (
    NEED_ROLE,
    NEED_USERNAME,
    TAKE_ROLE,
    WITHOUT_FILES,
    Answers,
    starter,
)
from freshkey.settings import load
from freshkey.settings.auth import AUTH_METHODS, DEFAULT_AUTH_METHOD
from freshkey.settings.values import KEY_NAME

if TYPE_CHECKING:
    from argparse import Namespace

_EXAMPLE: Final = "openai/creds/billing"
_THERE: Final = "is there already, and is left alone"
_NO_VARIABLES: Final = {"VAULT_TOKEN": "none"}  # whoever runs this may be an operator


def init(options: Namespace) -> int:
    """Ask for what is missing on a terminal, write the file, and print the next commands."""
    path: Path = options.config
    if os.path.lexists(path):
        raise CommandError(f"{shown(path)}: {_THERE}: edit it, or name another with --config")
    answers = _answers(options)
    _write(path, starter(answers))
    print(f"wrote {shown(path)}; next:")
    for line in _next(path, answers):
        print(line)
    return 0


def _answers(options: Namespace) -> Answers:
    ask = _ask if sys.stdin.isatty() and sys.stdout.isatty() else _demand
    address = options.address or ask("--address", "Vault's address", os.environ.get("VAULT_ADDR"))
    method = options.method or ask("--method", "login method", DEFAULT_AUTH_METHOD)
    if method not in AUTH_METHODS:
        known = ", ".join(AUTH_METHODS)
        raise CommandError(f"--method {shown(method)}: is none of {known}", status=2)
    role = options.role or ""
    if not role and method in NEED_ROLE:
        role = ask("--role", "role of that login in Vault", None)
    if role and method not in TAKE_ROLE:
        raise CommandError(f"--role: method {method} takes none: leave it out", status=2)
    username = options.username or ""
    if not username and method in NEED_USERNAME:
        username = ask("--username", "user name in Vault", None)
    path = options.path or ask("--path", f"what to read, such as {_EXAMPLE}", None)
    key = options.key or ask("--key", "name of the key", _name_of(path))
    if not re.fullmatch(KEY_NAME, key):
        raise CommandError(f"--key {shown(key)}: use a-z, 0-9, _ and -, such as billing", status=2)
    group = options.group
    if group is None and ask is _ask:
        group = ask("--group", "group that may read it (empty: the agent's user alone)", "")
    return Answers(address, method, key, path, group or "", role, username)


def _ask(_flag: str, question: str, usual: str | None) -> str:
    """Ask on the terminal until there is an answer; an empty one is the usual one."""
    while True:
        hint = f" [{usual}]" if usual else ""
        answer = input(f"{question}{hint}: ").strip() or usual
        if answer is not None:
            return answer


def _demand(flag: str, question: str, usual: str | None) -> str:
    """Take what is usual, or say which option is missing."""
    if usual:
        return usual
    raise CommandError(f"{flag} is missing: {question}", status=2)


def _name_of(path: str) -> str | None:
    """Guess a name for a key from what it is read from: its last part."""
    last = path.rstrip("/").rpartition("/")[2]
    return last if re.fullmatch(KEY_NAME, last) else None


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all; the agent's group may read it."""
    directory = path.absolute().parent
    if not directory.exists():
        directory.mkdir(mode=0o750, parents=True)
    new = directory / f".{path.name}.{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
            with suppress(OSError):
                os.fchown(file.fileno(), -1, directory.stat().st_gid)
            file.write(text)
        load(new, _NO_VARIABLES)  # SettingsError names options, which are those of the questions
        os.link(new, path)
    except FileExistsError:
        raise CommandError(f"{shown(path)}: {_THERE}") from None
    finally:
        new.unlink(missing_ok=True)


def _next(path: Path, answers: Answers) -> list[str]:
    config = "" if path == Path(DEFAULT_CONFIG) else f" --config {quote(str(path))}"
    directory = quote(str(path.absolute().parent))
    lines = [
        (f"freshkey policy --setup{config}", "what an operator enters in Vault"),
        (f"freshkey check --online{config}", f"once the credentials lie in {directory}"),
        (f"freshkey run{config}", "or, with systemd: systemctl enable --now freshkey"),
    ]
    if answers.method in WITHOUT_FILES:
        lines[1] = (lines[1][0], "where the agent will run")
    width = max(len(command) for command, _ in lines)
    return [f"  {command.ljust(width)}  # {why}" for command, why in lines]
