"""Completions for shells, made by shtab."""

from __future__ import annotations

import signal
from argparse import REMAINDER
from pathlib import Path
from typing import TYPE_CHECKING, Final

import shtab
from freshkey.cli.arguments import key_name, signal_number, socket_path
from freshkey.cli.parser import make_parser
from freshkey.settings.auth import AUTH_METHODS

from tools.reference.commands import actions, subparsers

if TYPE_CHECKING:
    from argparse import Action

SHELLS: Final = {"bash": "freshkey.bash", "zsh": "_freshkey", "fish": "freshkey.fish"}
"""Names of files, by shell."""

_NAMES: Final = (
    'freshkey status --json 2>/dev/null | grep -o \'"name": *"[^"]*"\' | cut -d\'"\' -f4'
)
# What shtab calls for an argument in each shell, and the functions that has to be there for it.
_KEYS: Final = {
    "bash": "_freshkey_keys",
    "zsh": "_freshkey_keys",
    "fish": "(__freshkey_keys)",
    "preamble": {
        "bash": f'_freshkey_keys() {{\n  compgen -W "$({_NAMES})" -- "$1"\n}}\n',
        "zsh": f'_freshkey_keys() {{\n  compadd -- ${{(f)"$({_NAMES})"}}\n}}\n',
        "fish": f"function __freshkey_keys\n  {_NAMES}\nend\n",
    },
}
_COMMANDS: Final = {
    "bash": "_freshkey_commands",
    "zsh": "_freshkey_commands",
    "fish": "(complete --do-complete (commandline -ct)) (__fish_complete_path (commandline -ct))",
    "preamble": {
        "bash": '_freshkey_commands() {\n  compgen -A command -A file -- "$1"\n}\n',
        "zsh": "_freshkey_commands() {\n  _command_names -e\n  _files\n}\n",
    },
}


def completion(shell: str) -> str:
    """Return the completion for one of SHELLS."""
    parser = make_parser()
    for command in subparsers(parser).values():
        for action in actions(command):
            _describe(action)
    text = shtab.complete(parser, shell)
    # shtab ends a list at its first item there, see zshcompsys(1) on "*:message:action".
    return text.replace('"(*):', '"*:') if shell == "zsh" else text


def _describe(action: Action) -> None:
    """Say what completes an argument, as shtab wants to be told."""
    complete: object = None
    if action.type in {Path, socket_path}:
        complete = shtab.FILE
    elif action.type is key_name:
        complete = _KEYS
    elif action.dest == "words":
        complete, action.nargs = _COMMANDS, REMAINDER
    elif action.type is signal_number:
        action.choices = [each.name.removeprefix("SIG") for each in signal.Signals]
    elif action.dest == "method":
        action.choices = list(AUTH_METHODS)
    if complete is not None:
        action.complete = complete  # type: ignore[attr-defined]  # which only shtab knows
