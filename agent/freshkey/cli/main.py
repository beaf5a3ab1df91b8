"""From arguments to an exit status: 0 done, 1 failed at run time, 2 wrong usage or settings."""

from __future__ import annotations

import os
import signal
import sys
from argparse import SUPPRESS, ArgumentParser, HelpFormatter, Namespace
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, NoReturn

from freshkey import __version__, settings
from freshkey.cli.arguments import DEFAULT_CONFIG, moment, seconds
from freshkey.cli.asking import add_asking
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.core.model.text import one_line
from freshkey.host.imports import import_slim
from freshkey.logs.standard_error import occupy_standard_descriptors, tell

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong usage raises SystemExit with 2."""
    occupy_standard_descriptors()
    # A mask is inherited (sigprocmask(2)): with these blocked, only a kill -9 would end us.
    mask = signal.pthread_sigmask(
        signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    )
    try:
        try:
            options = _parser().parse_args(arguments, Namespace(signal_mask=mask))
            return _run(options)
        finally:
            print(end="", flush=True)
    except CommandError as error:
        tell(f"freshkey: {one_line(str(error))}")
        return error.status
    except KeyboardInterrupt:
        tell("freshkey: interrupted")
        return 1
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        tell(f"freshkey: {error}")
        _drop_output()
        return 1
    except ModuleNotFoundError as error:
        tell(
            f"freshkey: {error.name} is missing: this installation has the client only; install "
            "what requirements/run.txt names"
        )
        return 1
    except settings.SettingsError as error:
        for fault in error.faults:
            tell(one_line(str(fault)))
        return 2


def _run(options: Namespace) -> int:
    """Import a command when it is used: those that ask a running agent are quick to start."""
    module, _, name = options.command.partition(":")
    if sys.stdout is None and module not in {"commands", "exec"}:
        raise CommandError("standard output is closed, and this command has nothing else to do")
    if module == "commands":
        import_slim("msgspec")  # before the modules whose values are made of it
    status: int = getattr(import_module(f"freshkey.cli.{module}"), name)(options)
    return status


def _drop_output() -> None:
    """Keep the interpreter from flushing, and failing, once more at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@cache
def _width() -> int:
    """Return the columns of the terminal: argparse would ask anew for each option, for 2 ms."""
    return get_terminal_size().columns - 2


def _formatter(prog: str) -> HelpFormatter:
    return HelpFormatter(prog, width=_width())


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        tell(f"{self.prog}: {shown(message)}; see {self.prog} --help")
        self.exit(2)


def _parser() -> ArgumentParser:
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
        added = commands.add_parser(
            name,
            help=does,
            description=does,
            allow_abbrev=False,
            formatter_class=_formatter,
        )
        added.set_defaults(command=command)
        return added

    running = add(
        "run", "commands:run", "be the daemon, in the foreground, until SIGTERM or SIGINT"
    )
    getting = add("once", "commands:once", "get every key, write files and journal, and exit")
    checking = add("check", "commands:check", "report every fault of the configuration")
    policing = add("policy", "policy:policy", "print the Vault policy that the configuration needs")
    _add_reporting(add("report", "report:report_command", "print what audit files tell"))
    beginning = add("init", "init:init", "write a configuration to start with, never over another")
    add("version", "commands:version", "print the versions of freshkey, Python, and dependencies")
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
        "--json",
        action="store_true",
        help="print {ok, faults: [{path, message}]}; with --online, warnings too",
    )
    policing.add_argument(
        "--setup",
        action="store_true",
        help="print the commands for all of Vault's side: engine, role, policy, login method",
    )
    return parser


def _add_reporting(reporting: ArgumentParser) -> None:
    reporting.add_argument("files", metavar="AUDIT_FILE", nargs="+", type=Path)
    for option, help_ in (
        ("--since", "leave out keys that ended before, such as 2026-11-29T12:00:00Z"),
        ("--until", "leave out what came after"),
    ):
        reporting.add_argument(option, metavar="TIME", type=moment, help=help_)
    reporting.add_argument(
        "--max-lifetime",
        metavar="DURATION",
        type=seconds,
        help="name the keys that lived longer, and exit with 1",
    )
    reporting.add_argument(
        "--orphans",
        metavar="FILE",
        type=Path,
        help="service accounts as OpenAI lists them: name those that no record knows; exit with 1",
    )
    reporting.add_argument("--format", choices=["table", "json", "csv"], default="table")
