"""The command line: its commands, and the arguments of those that ask no running agent.

What it says of them is also in freshkey(1), which `make reference` makes from it.
"""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, Action, ArgumentParser, HelpFormatter
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from freshkey import __version__
from freshkey.cli.arguments import DEFAULT_CONFIG, moment, seconds
from freshkey.cli.asking import add_asking
from freshkey.cli.output import shown
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from collections.abc import Collection

_USUAL: Final = 80  # columns


@cache
def width() -> int:
    """Return the columns of the terminal less two, as argparse does.

    It would ask anew for each option, which takes 2 ms, and import shutil for it: 2 ms more.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns) - 2
    if sys.__stdout__ is not None:
        with suppress(ValueError, OSError):  # it is closed, or no terminal
            return os.get_terminal_size(sys.__stdout__.fileno()).columns - 2
    return _USUAL - 2


def _formatter(prog: str) -> HelpFormatter:
    return HelpFormatter(prog, width=width())


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        tell(f"{self.prog}: {shown(message)}; see {self.prog} --help")
        self.exit(2)


class _NotAsked(ArgumentParser):
    """In place of the parser of a command that is not asked for: it costs nothing."""

    def __init__(self) -> None:
        pass

    def add_argument(self, *_: object, **__: object) -> Action:
        """Add none."""
        return Action([], "")


def make_parser(command: str | None = None) -> ArgumentParser:
    """Return the parser; each command's is among its subparsers, or that of `command` alone."""
    parser, names = _make_parser(command)
    return parser if command is None or command in names else _make_parser(None)[0]


def _make_parser(asked: str | None) -> tuple[ArgumentParser, Collection[str]]:
    parser = _Parser(
        prog="freshkey",
        description="Keeps short-lived OpenAI API keys from HashiCorp Vault fresh.",
        allow_abbrev=False,
        formatter_class=_formatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"freshkey {__version__}", help="print the version"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: str, does: str) -> ArgumentParser:
        if asked not in {None, name}:
            return _NotAsked()
        added = commands.add_parser(
            name,
            help=does,
            description=does,
            allow_abbrev=False,
            formatter_class=_formatter,
        )
        added.set_defaults(command=command)
        return added

    running = add("run", "running:run", "be the daemon, in the foreground, until SIGTERM or SIGINT")
    getting = add("once", "running:once", "get every key, write files and journal, and exit")
    checking = add("check", "check:check", "report every fault of the configuration")
    policing = add("policy", "policy:policy", "print the Vault policy that the configuration needs")
    _add_reporting(add("report", "report:report_command", "print what audit files tell"))
    beginning = add("init", "init:init", "write a configuration to start with, never over another")
    add("version", "version:version", "print the versions of freshkey, Python, and dependencies")
    add_asking(add)
    for configured in (running, getting, checking, policing, beginning):
        configured.add_argument(
            "--config",
            metavar="PATH",
            type=Path,
            default=Path(os.environ.get("FRESHKEY_CONFIG") or DEFAULT_CONFIG),
            help=f"the configuration (default: $FRESHKEY_CONFIG, else {DEFAULT_CONFIG})",
        )
    for option, metavar, help_ in (
        ("--address", "URL", "Vault's address (default: $VAULT_ADDR)"),
        ("--method", "NAME", "how to log in to Vault: approle, token, kubernetes, jwt, …"),
        ("--role", "NAME", "the role of that login in Vault, where the method has one"),
        ("--username", "NAME", "the user, for userpass and ldap"),
        ("--path", "PATH", "what to read from Vault, such as openai/creds/billing"),
        ("--oidc-role", "NAME", "for federation: the role by which Vault vouches for the agent"),
        ("--token-file", "PATH", "for federation without Vault: the file with a projected token"),
        ("--service-account", "ID", "for federation: the account at OpenAI to act as"),
        ("--identity-provider", "ID", "for federation: the provider that OpenAI trusts"),
        ("--key", "NAME", "what the key is called here (default: the last part of the path)"),
        ("--group", "NAME", "who may read the key's file, and use the socket"),
    ):
        beginning.add_argument(option, metavar=metavar, help=help_)
    running.add_argument(
        "--lock-memory",
        action="store_true",
        help="keep the agent's memory out of swap; needs LimitMEMLOCK=infinity or CAP_IPC_LOCK",
    )
    running.add_argument("--end-with", metavar="PID", type=int, help=SUPPRESS)  # by `exec`
    getting.add_argument(
        "--timeout",
        metavar="DURATION",
        type=seconds,
        default="120s",
        help="how long it may take, such as 90s or 2m (default: 120s)",
    )
    checking.add_argument(
        "--online",
        action="store_true",
        help="also log in, and test what run would need of Vault, OpenAI, and this machine",
    )
    checking.add_argument(
        "--exchange",
        action="store_true",
        help="with --online, also exchange identity tokens at OpenAI, for a token that nobody uses",
    )
    checking.add_argument(
        "--json",
        action="store_true",
        help="print {ok, faults: [{path, message}]}; with --online, warnings too",
    )
    policing.add_argument(
        "--setup",
        action="store_true",
        help="print the commands for all of Vault's side: engine, role, policy, login method",
    )
    return parser, commands.choices


def _add_reporting(reporting: ArgumentParser) -> None:
    reporting.add_argument(
        "files",
        metavar="AUDIT_FILE",
        nargs="+",
        type=Path,
        help="what log.audit_file names, of one agent or many, also gzipped; - is standard input",
    )
    for option, help_ in (
        ("--since", "leave out keys that ended before, such as 2026-11-29T12:00:00Z"),
        ("--until", "leave out what came after"),
    ):
        reporting.add_argument(option, metavar="TIME", type=moment, help=help_)
    reporting.add_argument(
        "--max-lifetime",
        metavar="DURATION",
        type=seconds,
        help="name the keys that lived longer, and exit with 1 if there are any",
    )
    reporting.add_argument(
        "--orphans",
        metavar="FILE",
        type=Path,
        action="append",
        help="service accounts as OpenAI lists them, a page each: name those that no record knows, "
        "and exit with 1 if there are any",
    )
    reporting.add_argument(
        "--requests",
        action="store_true",
        help="print what came to the gateway in place of keys: a line for each client, key, and "
        "model; JSON has both",
    )
    reporting.add_argument(
        "--format",
        choices=["table", "json", "csv"],
        default="table",
        help="how it is printed (default: table)",
    )
