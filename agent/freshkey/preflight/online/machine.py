"""Whether this machine is ready for the agent; what the offline check found right is told too.

Looked at as the user who runs the check: run it as the agent's.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError
from freshkey.host.holders import lock_holder
from freshkey.outputs.directories import OPEN_DIRECTORY
from freshkey.outputs.locked_directory import LOCK, inspect
from freshkey.outputs.swapping import swappable
from freshkey.preflight.offline.host import host_warnings, unwritable
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
    disk = settings.state.allow_disk
    try:
        descriptor = os.open(directory, OPEN_DIRECTORY)
    except FileNotFoundError:
        fault = unwritable(directory.parent)
        message = f"{directory} will be made"
        return failure(place, fault) if fault else fine(place, message)
    except OSError as error:
        return failure(place, f"{directory} can't be opened: {error.strerror}: correct its owner")
    try:
        owner = os.fstat(descriptor).st_uid
        if os.geteuid() == 0 != owner:
            message = (
                f"{directory} belongs to uid {owner}: run this check as that user, not as root"
            )
            return warning(place, message)
        inspect(directory, descriptor, allow_disk=disk)
    except FaultError as error:
        return failure(place, error.fault.message)
    finally:
        os.close(descriptor)
    where = "may be on disk" if disk else "on tmpfs"
    used = "free" if agent is None else f"in use by the agent, process {agent}"
    return fine(place, f"{directory}: {where}, {used}")
