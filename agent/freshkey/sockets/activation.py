"""Sockets that systemd opened for the agent (sd_listen_fds(3), systemd.socket(5))."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final, NoReturn

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.sockets.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping
    from pathlib import Path

_FIRST: Final = 3  # SD_LISTEN_FDS_START
_MOST_DIGITS: Final = 9  # of a number of descriptors


def take_inherited(
    environ: MutableMapping[str, str], paths: Collection[Path]
) -> dict[Path, Listener]:
    """Take over the listening sockets at `paths` that systemd passed to this very process.

    Their files, modes, and owners are systemd's and stay as they are. The variables are removed,
    so that no child takes the sockets for its own. Raises FaultError (`output`) when another
    socket was passed: clients would wait there for ever.
    """
    pid = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not (count.isdecimal() and len(count) <= _MOST_DIGITS):
        return {}
    known = {os.fspath(path): path for path in paths}
    wanted = ", ".join(f"ListenStream={path}" for path in known)
    taken: dict[Path, Listener] = {}
    for number in range(_FIRST, _FIRST + int(count)):
        try:
            sock = socket.socket(fileno=number)
        except OSError as error:
            _fail(f"descriptor {number} from systemd is not a socket ({error.strerror})", wanted)
        sock.set_inheritable(False)
        sock.settimeout(0)
        name = sock.getsockname()
        if sock.type != socket.SOCK_STREAM or name not in known:
            sock.close()
            _fail(f"systemd passed a socket at {name!r}", wanted)
        taken[known[name]] = Listener(sock, known[name])
    return taken


def _fail(what: str, wanted: str) -> NoReturn:
    message = f"{what}: its unit must have no other sockets than {wanted}"
    raise FaultError(Fault(FaultKind.OUTPUT, message))
