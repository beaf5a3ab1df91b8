"""Which file a command runs, and whether it can be trusted."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.hooks.errors import HookError
from freshkey.settings.file_names import path_of
from freshkey.settings.trust import replaceable_by

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def find_program(name: str, environment: Mapping[str, str]) -> Path:
    """Return the program that execvp(3) would run, with PATH as in `environment`.

    Raises HookError if there is none, or if others than root and the agent's user can write it, or
    put another one in its place. A directory in PATH that has no absolute path is passed over.
    """
    program = _look_up(name, environment)
    refuse_replaceable(program, "root or the agent's user (chown, chmod go-w)")
    return program


def refuse_replaceable(path: Path, owners: str, users: Collection[int] = ()) -> None:
    """Raise HookError where others than root, the agent's user, and `users` could write a file.

    Or put another one in its place. `owners` names in the error to whom it is to be left.
    """
    try:
        found = replaceable_by(path, users)
    except OSError as error:
        raise HookError(f"{path} can't be seen: {error.strerror}") from None
    if found is not None:
        place, other = found
        raise HookError(f"{place} can be written by {other}: leave it to {owners}")


def _look_up(name: str, environment: Mapping[str, str]) -> Path:
    file = path_of(name)
    if "/" in name:
        if not _can_be_run(file):
            raise HookError(f"{name} is no program that the agent can run: correct path and mode")
        return file
    path = environment.get("PATH", os.defpath)
    for directory in path.split(os.pathsep):
        if directory.startswith("/") and _can_be_run(program := Path(directory, file)):
            return program
    raise HookError(f"there is no program {name} in PATH ({path}): install it, or write its path")


def _can_be_run(path: Path) -> bool:
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
    return is_file and os.access(path, os.X_OK)
