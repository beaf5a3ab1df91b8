"""Whether the agent can listen where the configuration says; whoever listens there isn't asked."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError
from freshkey.host.holders import is_listened_on, listening_users, process_user
from freshkey.preflight.offline.host import unwritable
from freshkey.preflight.online.report import Result, failure, fine, warning
from freshkey.settings.faults import rendered
from freshkey.settings.listeners import addresses, sockets
from freshkey.sockets.tcp_listener import bound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.settings.model import Settings
    from freshkey.settings.urls import HostPort


def socket_results(settings: Settings, agent: int | None) -> Iterator[Result]:
    """Look at every socket and address; `agent` is the process of an agent that runs already."""
    for table, listening in sockets(settings):
        if listening.socket is not None:
            yield _socket(rendered((*table, "socket")), listening.socket, agent)
    for place, address in addresses(settings):
        yield _address(rendered(place), address, agent)


def _socket(place: str, path: Path, agent: int | None) -> Result:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        fault = unwritable(path.parent)
        return failure(place, fault) if fault else fine(place, f"{path} will be made")
    if not is_socket:
        return failure(
            place, f"{path} is there, and is not a socket: remove it, or name another path"
        )
    if not is_listened_on(path):
        return fine(place, f"{path} was left by a process that ended, and will be replaced")
    if agent is None:
        message = f"somebody listens on {path}: if that is not systemd for the agent, stop it"
        return warning(place, message)
    return fine(place, f"{path}: the agent listens")


def _address(place: str, address: HostPort, agent: int | None) -> Result:
    """Have the address for a moment, without listening there."""
    try:
        bound(address, str(address)).close()
    except FaultError as error:
        if agent is not None and _is_taken(error) and _may_listen(agent, address.port):
            return fine(place, f"{address}: the agent listens")
        return failure(place, error.fault.message)
    return fine(place, f"{address} is free")


def _is_taken(error: FaultError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE


def _may_listen(agent: int, port: int) -> bool:
    """Whether the agent's user listens on a port: which of its processes does is not to be seen."""
    user = process_user(agent)
    return user is None or user in listening_users(port)
