"""Whether this machine is ready for the agent; what the offline check found right is told too.

Looked at as the user who runs the check: run it as the agent's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.host.holders import lock_holder
from freshkey.outputs.locked_directory import LOCK
from freshkey.outputs.swapping import swappable
from freshkey.preflight.offline.host import host_warnings, unwritable
from freshkey.preflight.offline.state import state_fault, state_warning
from freshkey.preflight.online.report import Result, failure, fine, warning
from freshkey.preflight.online.sockets import socket_results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings


def machine_results(settings: Settings) -> Iterator[Result]:
    """Look at state directory, key files, swap, and sockets; nothing is made, locked, or asked."""
    agent = lock_holder(settings.state.directory / LOCK)
    yield _state(settings, agent)
    for name, key in settings.keys.items():
        for index, file in enumerate(key.files):
            place = f"keys.{name}.files[{index}].path"
            if fault := unwritable(file.path.parent):
                yield failure(place, fault)
            else:
                yield fine(place, f"{file.path}: directory, owner, and group are fine")
    swaps = list(swappable(settings))
    yield from (warning("state.directory", f"{mount}: {message}") for mount, message in swaps)
    if not swaps:
        yield fine("state.directory", "no swap in reach of keys and journal")
    for finding in host_warnings(settings):
        yield warning(finding.path, finding.message)
    yield from socket_results(settings, agent)


def _state(settings: Settings, agent: int | None) -> Result:
    place, directory = "state.directory", settings.state.directory
    if not os.path.lexists(directory):
        fault = unwritable(directory.parent)
        return failure(place, fault) if fault else fine(place, f"{directory} will be made")
    if (fault := state_fault(directory)) is not None:
        return failure(place, fault)
    if (message := state_warning(directory)) is not None:
        return warning(place, message)
    where = "may be on disk" if settings.state.allow_disk else "on tmpfs"
    used = "free" if agent is None else f"in use by the agent, process {agent}"
    return fine(place, f"{directory}: {where}, {used}")
