"""Whether a state directory that is there already is the agent's alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError
from freshkey.outputs.directories import OPEN_DIRECTORY
from freshkey.outputs.errors import reported
from freshkey.outputs.locked_directory import inspect

if TYPE_CHECKING:
    from pathlib import Path

_ROOT: Final = 0


def state_fault(directory: Path) -> str | None:
    """Say why `run` would refuse the directory; whether it is in memory is looked at elsewhere.

    None: it is fine, or not there yet, or one of which root can't tell (`state_warning`).
    """
    if not os.path.lexists(directory):
        return None
    try:
        with reported(directory):
            descriptor = os.open(directory, OPEN_DIRECTORY)
    except FaultError as error:
        return error.fault.message
    try:
        if not _is_foreign_to_root(os.fstat(descriptor)):
            inspect(directory, descriptor, allow_disk=True)
    except FaultError as error:
        return error.fault.message
    finally:
        os.close(descriptor)
    return None


def state_warning(directory: Path) -> str | None:
    """Say that root looks at a directory of another user, who may be the agent's."""
    try:
        status = directory.stat()
    except OSError:
        return None
    if not _is_foreign_to_root(status):
        return None
    return f"{directory} belongs to uid {status.st_uid}: run this check as that user, not as root"


def _is_foreign_to_root(status: os.stat_result) -> bool:
    return os.geteuid() == _ROOT != status.st_uid
