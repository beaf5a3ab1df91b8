"""From arguments to an exit status: 0 done, 1 failed at run time, 2 wrong usage or settings."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from freshkey.cli.commands import check, once, run, version
from freshkey.settings import SettingsError
from freshkey.settings.values import WrongValueError, positive_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DEFAULT_CONFIG: Final = "/etc/freshkey/config.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong usage raises SystemExit with 2."""
    try:
        try:
            options = _parser().parse_args(arguments)
            status: int = options.command(options)
            return status
        finally:
            print(end="", flush=True)
    except SettingsError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("freshkey: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        print(f"freshkey: {error}", file=sys.stderr)
        _drop_output()
        return 1


def _drop_output() -> None:
    """Keep the interpreter from flushing, and failing, once more at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="freshkey",
        description="Keeps short-lived OpenAI API keys from HashiCorp Vault fresh.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Callable[[Namespace], int], does: str) -> ArgumentParser:
        added = commands.add_parser(name, help=does, description=does, allow_abbrev=False)
        added.set_defaults(command=command)
        return added

    running = add("run", run, "be the daemon, in the foreground, until SIGTERM or SIGINT")
    getting = add("once", once, "get every key, write files and journal, and exit")
    checking = add("check", check, "report every fault of the configuration")
    add("version", version, "print the versions of freshkey, Python, and the dependencies")
    for configured in (running, getting, checking):
        configured.add_argument(
            "--config",
            metavar="PATH",
            type=Path,
            default=Path(os.environ.get("FRESHKEY_CONFIG") or _DEFAULT_CONFIG),
            help=f"the configuration (default: $FRESHKEY_CONFIG, else {_DEFAULT_CONFIG})",
        )
    running.add_argument(
        "--lock-memory",
        action="store_true",
        help="keep the agent's memory out of swap; needs LimitMEMLOCK=infinity or CAP_IPC_LOCK",
    )
    getting.add_argument(
        "--timeout",
        metavar="DURATION",
        type=_seconds,
        default="120s",
        help="how long it may take, such as 90s or 2m (default: 120s)",
    )
    checking.add_argument(
        "--json", action="store_true", help="print {ok, faults: [{path, message}]}"
    )
    return parser


def _seconds(text: str) -> float:
    try:
        return positive_duration(int(text) if text.isdecimal() else text)
    except WrongValueError as error:
        raise ArgumentTypeError(str(error)) from None
