"""Sockets that systemd opened for the agent (sd_listen_fds(3), systemd.socket(5))."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.serve.listener import Listener

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

_FIRST: Final = 3  # SD_LISTEN_FDS_START


def take_inherited(environ: MutableMapping[str, str], path: Path) -> Listener | None:
    """Take over the listening socket at `path`, if systemd passed it to this very process.

    Its file, mode, and owner are systemd's and stay as they are. The variables are removed, so
    that no child takes the sockets for its own. Raises FaultError (`output`) when another socket
    was passed: clients would wait there for ever.
    """
    pid = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return None
    listener = None
    for number in range(_FIRST, _FIRST + int(count)):
        try:
            sock = socket.socket(fileno=number)
        except OSError as error:
            message = f"descriptor {number} from systemd is not a socket ({error.strerror}): "
            hint = f"its unit must have ListenStream={path} alone"
            raise FaultError(Fault(FaultKind.OUTPUT, message + hint)) from None
        sock.set_inheritable(False)
        sock.settimeout(0)
        name = sock.getsockname()
        if sock.type != socket.SOCK_STREAM or name != os.fspath(path):
            sock.close()
            message = f"systemd passed a socket at {name!r}; set its unit to ListenStream={path}"
            raise FaultError(Fault(FaultKind.OUTPUT, message))
        listener = Listener(sock, path)
    return listener
