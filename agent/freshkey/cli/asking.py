"""The arguments of the commands that ask a running agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.cli.arguments import (
    DEFAULT_CONFIG,
    key_name,
    seconds,
    seconds_or_zero,
    signal_number,
    socket_path,
    tag,
    variable,
)
from freshkey.settings.values import DEFAULT_SOCKET

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable


def add_asking(add: Callable[[str, str, str], ArgumentParser]) -> None:
    """Add the commands by `add`, which takes a command's name, its function, and what it does."""
    status = add("status", "status:status", "show what the running agent holds")
    getting = add("get", "get:get", "print a key from the running agent")
    watching = add("watch", "watch:watch", "print a line of JSON for every new generation of a key")
    rotating = add("rotate", "rotate:rotate", "have the running agent replace a key")
    executing = add(
        "exec", "exec:execute", "run a command with keys, or the gateway, in its environment"
    )
    for asking in (getting, watching, rotating):
        asking.add_argument("name", metavar="NAME", type=key_name, help="the key, [keys.NAME]")
    for asking in (status, getting, watching, rotating, executing):
        asking.add_argument(
            "--socket",
            metavar="PATH",
            type=socket_path,
            help="the agent's socket (default: $FRESHKEY_SOCKET, else the configuration's, else "
            f"{DEFAULT_SOCKET})",
        )
        asking.add_argument(
            "--config",
            metavar="PATH",
            type=Path,
            help=f"where the socket is named (default: $FRESHKEY_CONFIG, else {DEFAULT_CONFIG})",
        )
    status.add_argument("--json", action="store_true", help="print the agent's own answer")
    status.add_argument(
        "--watch", action="store_true", help="look every second; without a terminal, tell changes"
    )
    _for_get(getting)
    _for_rotate(rotating)
    _for_exec(executing)


def _for_get(getting: ArgumentParser) -> None:
    getting.add_argument(
        "--format",
        choices=("raw", "json", "env"),
        default="raw",
        help="the key alone, the agent's whole answer, or OPENAI_API_KEY=... (default: raw)",
    )
    getting.add_argument(
        "--newer-than", metavar="TAG", type=tag, help="wait for another generation than this one"
    )
    getting.add_argument(
        "--wait",
        metavar="DURATION",
        type=seconds_or_zero,
        default="30s",
        help="how long to wait for a key; 0 asks once (default: 30s)",
    )


def _for_rotate(rotating: ArgumentParser) -> None:
    rotating.add_argument(
        "--compromised",
        action="store_true",
        help="revoke the old key as soon as the new one is out, without an overlap; with --now, "
        "before",
    )
    rotating.add_argument(
        "--now",
        action="store_true",
        help="withdraw and revoke the old key first; only together with --compromised",
    )
    rotating.add_argument(
        "--timeout",
        metavar="DURATION",
        type=seconds,
        default="60s",
        help="how long to wait for the new key (default: 60s)",
    )


def _for_exec(executing: ArgumentParser) -> None:
    executing.add_argument(
        "--env",
        metavar="VAR=NAME",
        type=variable,
        action="append",
        default=[],
        help="which key goes into which variable; may be repeated (default: the only key into "
        "OPENAI_API_KEY)",
    )
    executing.add_argument(
        "--on-change",
        choices=("restart", "signal", "none"),
        help="what to do when a key was replaced: restart the command, at most every 5 s; signal "
        "it, and it has to read the key elsewhere, because its environment stays; or nothing "
        "(default: restart)",
    )
    executing.add_argument(
        "--signal",
        metavar="NAME",
        type=signal_number,
        default="HUP",
        help="what --on-change signal sends (default: HUP)",
    )
    executing.add_argument(
        "--stop-timeout",
        metavar="DURATION",
        type=seconds_or_zero,
        default="10s",
        help="how long a restart waits after SIGTERM, until SIGKILL (default: 10s)",
    )
    executing.add_argument(
        "--allow-missing",
        action="store_true",
        help="start the command without the keys that are not there after 5 s; their variables "
        "are unset",
    )
    executing.add_argument(
        "--gateway",
        action="store_true",
        help="give the command no key, but the gateway's address in OPENAI_BASE_URL, and in "
        "OPENAI_API_KEY a token that is good until the command ends",
    )
    executing.add_argument(
        "words", metavar="CMD", nargs="+", help="the command and its arguments, after --"
    )
