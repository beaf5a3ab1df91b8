"""Tells systemd how the service is doing: sd_notify(3) without its library."""

from __future__ import annotations

import os
import socket


def notify(**variables: str | int) -> bool:
    """Send assignments such as `READY=1`, `STOPPING=1`, `STATUS="…"` to NOTIFY_SOCKET.

    Gives False when nobody asked for them (no such variable), or nobody took them.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # abstract: such a name begins with a zero byte (unix(7))
        address = "\0" + address[1:]
    lines = [f"{name}={str(value).replace(chr(10), ' ')}" for name, value in variables.items()]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            # A service manager that hangs must not hang its services.
            channel.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, address)
    except OSError:
        return False
    return True
