"""`freshkey init`: writes a configuration to start with, and says what to do next."""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.host.accounts import user_id
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
from freshkey.settings.urls import vault_url
from freshkey.settings.values import KEY_NAME, WrongValueError, account, visible, word
from freshkey.settings.vault_paths import secret_path

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_EXAMPLE: Final = "openai/creds/billing"
_ACCOUNT: Final = "freshkey"  # of the units in systemd/
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


class _Question(NamedTuple):
    """What has to be known, and how: by an option, or on a terminal.

    `usual` is the answer where none is given, None if there has to be one. `check` raises
    WrongValueError for one that can't be taken.
    """

    flag: str
    text: str
    usual: str | None
    check: Callable[[object], object]


def _answers(options: Namespace) -> Answers:
    variable = os.environ.get("VAULT_ADDR")
    address = _take(options.address, _Question("--address", "Vault's address", variable, vault_url))
    methods = f"login method ({', '.join(AUTH_METHODS)})"
    method = _take(
        options.method, _Question("--method", methods, DEFAULT_AUTH_METHOD, _check_method)
    )
    role, username = options.role or "", options.username or ""
    if not role and method in NEED_ROLE:
        role = _take(None, _Question("--role", "role of that login in Vault", None, word))
    if role and method not in TAKE_ROLE:
        raise CommandError(f"--role: method {method} takes none: leave it out", status=2)
    if not username and method in NEED_USERNAME:
        username = _take(None, _Question("--username", "user name in Vault", None, visible))
    if username and method not in NEED_USERNAME:
        raise CommandError(f"--username: method {method} takes none: leave it out", status=2)
    reading = f"what to read, such as {_EXAMPLE}"
    path = _take(options.path, _Question("--path", reading, None, secret_path))
    naming = "name of the key (a-z, 0-9, _ and -)"
    key = _take(options.key, _Question("--key", naming, _name_of(path), _check_key))
    readers = "group that may read it (empty: the agent's user alone)"
    group = _take(options.group, _Question("--group", readers, "", account))
    return Answers(address, method, key, path, group, role, username, _unit(options.config))


def _take(given: str | None, question: _Question) -> str:
    """Return the answer of an option, or of whoever sits at the terminal."""
    if given is None and sys.stdin.isatty() and sys.stdout.isatty():
        return _ask(question)
    answer = question.usual if given is None else given
    if answer is None:
        raise CommandError(f"{question.flag} is missing: {question.text}", status=2)
    try:
        question.check(answer)
    except WrongValueError as error:
        raise CommandError(f"{question.flag} {shown(answer)}: {error}", status=2) from None
    return answer


def _ask(question: _Question) -> str:
    """Ask until there is an answer that can be taken; an empty one is the usual one."""
    hint = f" [{question.usual}]" if question.usual else ""
    while True:
        try:
            answer = input(f"{question.text}{hint}: ").strip() or question.usual
        except EOFError:
            print()
            why = f"no answer to: {question.text}: nothing was written"
            raise CommandError(why) from None
        try:
            if answer is not None:
                question.check(answer)
                return answer
        except WrongValueError as error:
            print(f"  {shown(answer)} {error}")


def _check_method(answer: object) -> None:
    if answer not in AUTH_METHODS:
        raise WrongValueError(f"is none of {', '.join(AUTH_METHODS)}")


def _check_key(answer: object) -> None:
    if not re.fullmatch(KEY_NAME, str(answer)):
        raise WrongValueError("is no name for a key: use a-z, 0-9, _ and -, such as billing")


def _unit(config: Path) -> str:
    """Name the service of systemd that reads this file; empty without its account."""
    if config.absolute().parent != Path(DEFAULT_CONFIG).parent:
        return ""
    try:
        user_id(_ACCOUNT)
    except KeyError:
        return ""
    instance = "" if config.name == Path(DEFAULT_CONFIG).name else f"@{config.stem}"
    return f"{_ACCOUNT}{instance}.service"


def _name_of(path: str) -> str | None:
    """Guess a name for a key from what it is read from: its last part."""
    last = path.rstrip("/").rpartition("/")[2].lower()
    return last if re.fullmatch(KEY_NAME, last) else None


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all; the agent's group may read it."""
    directory = path.absolute().parent
    new = directory / f".{path.name}.{secrets.token_hex(8)}"
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
            with suppress(OSError):
                os.fchown(file.fileno(), -1, directory.stat().st_gid)
            file.write(text)
        load(new, _NO_VARIABLES)  # SettingsError names options, which are those of the questions
        os.link(new, path)
    except FileExistsError:
        raise CommandError(f"{shown(path)}: {_THERE}") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            new.unlink()


def _unwritable(path: Path, error: OSError) -> CommandError:
    why = f"can't be written: {error.strerror}: name another place with --config"
    return CommandError(f"{shown(path)}: {why}")


def _next(path: Path, answers: Answers) -> list[str]:
    config = "" if path == Path(DEFAULT_CONFIG) else f" --config {quote(str(path))}"
    directory = quote(str(path.absolute().parent))
    setup = (f"freshkey policy --setup{config}", "what an operator enters in Vault")
    check = f"freshkey check --online{config}"
    if answers.unit:
        lines = [
            *_for_group(answers),
            setup,
            (f"systemctl enable --now {answers.unit}", f"once the credentials lie in {directory}"),
            (check, "while it runs: systemd passes it its credentials at its start"),
        ]
    else:
        where = (
            "where the agent will run"
            if answers.method in WITHOUT_FILES
            else f"once the credentials lie in {directory}"
        )
        lines = [setup, (check, where), (f"freshkey run{config}", "in the foreground")]
    width = max(len(command) for command, _ in lines)
    return [f"  {command.ljust(width)}  # {why}" for command, why in lines]


def _for_group(answers: Answers) -> list[tuple[str, str]]:
    """The service can give files to no group, but a directory with setgid can."""
    if not answers.group:
        return []
    lines = [f"d {answers.runtime}/keys 2751 freshkey {answers.group}"]
    if answers.is_instance:  # the package, or who installed it, makes the one of freshkey.service
        lines.insert(0, f"d {answers.runtime} 0751 freshkey freshkey")
    file = quote(f"/etc/tmpfiles.d/{answers.unit.removesuffix('.service')}-keys.conf")
    written = f"printf '%s\\n' {' '.join(map(quote, lines))} > {file}"
    made = f"{written} && systemd-tmpfiles --create {file}"
    return [(made, "whose group the files in there get")]
