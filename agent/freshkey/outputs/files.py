"""Key files: published by replacing them, withdrawn by removing them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.outputs.access import access_of
from freshkey.outputs.directories import (
    OPEN_DIRECTORY,
    in_memory,
    open_directory,
    refuse_if_others_write,
)
from freshkey.outputs.errors import refusal, reported
from freshkey.outputs.replace import regular, replace, same, sweep

if TYPE_CHECKING:
    from freshkey.settings.keys import FileSettings


def write_file(target: FileSettings, content: bytes, *, allow_disk: bool) -> str | None:
    """Publish `content` at `target.path`; give a warning to log, or None.

    A missing parent is made. A file that is there already, with this content, mode, and owner, is
    left alone, so that nobody who watches it is woken. Raises FaultError (`output`); the old file
    then stays as it was.
    """
    path = target.path
    access = access_of(target)
    with reported(path):
        directory = open_directory(path.parent)
        try:
            warning = refuse_if_others_write(directory, path.parent)
            if not (allow_disk or in_memory(directory)):
                raise refusal(
                    path, "is not on tmpfs or ramfs: move it there, or set state.allow_disk = true"
                )
            sweep(directory, path)
            if not same(directory, path, content, access):
                replace(directory, path, content, access)
        finally:
            os.close(directory)
    return warning


def remove_file(target: FileSettings) -> None:
    """Withdraw the file. Nothing is left of it either when there was none.

    Raises FaultError (`output`), also when something else than a regular file is at its path.
    """
    path = target.path
    with reported(path):
        try:
            directory = os.open(path.parent, OPEN_DIRECTORY)
        except FileNotFoundError:
            return
        try:
            sweep(directory, path)
            if regular(directory, path) is not None:
                os.unlink(path.name, dir_fd=directory)
        finally:
            os.close(directory)
