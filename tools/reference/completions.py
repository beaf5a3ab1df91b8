"""Completions for shells, made by shtab."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import shtab
from freshkey.cli.parser import make_parser
from freshkey.settings.auth import AUTH_METHODS

from tools.reference.commands import actions, subparsers

SHELLS: Final = {"bash": "freshkey.bash", "zsh": "_freshkey", "fish": "freshkey.fish"}
"""Names of files, by shell."""


def completion(shell: str) -> str:
    """Return the completion for one of SHELLS."""
    parser = make_parser()
    for command in subparsers(parser).values():
        for action in actions(command):
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # how shtab is told
            if action.option_strings == ["--method"]:
                action.choices = list(AUTH_METHODS)
    return shtab.complete(parser, shell)
