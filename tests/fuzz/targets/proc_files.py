"""What /proc says of a peer: its cgroups name a unit below system.slice, or none.

The first byte of an input chooses whether the rest is the list of cgroups, or the name of the
peer's program.
"""

from __future__ import annotations

from contextlib import suppress

from freshkey.sockets.provenance import _executable, _unit

from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    if data[:1] == b"e":
        link = scratch() / "exe"
        link.unlink(missing_ok=True)
        with suppress(OSError, ValueError):  # no file has such a name
            link.symlink_to(data[1:].decode("utf-8", "surrogateescape"))
        name, _ = _executable(scratch())
        assert name is None or name.encode(), "a name that no log can hold"
        return
    (scratch() / "cgroup").write_bytes(data[1:])
    unit = _unit(scratch())
    if unit is not None:
        assert unit.endswith((".service", ".scope"))
        assert f"/system.slice/{unit}".encode() in data or b"\xff" in data or "\\x" in unit
        assert "/" not in unit


TARGET = Target(
    check,
    (
        b"c0::/system.slice/billing.service\n",
        b"c12:cpu:/\n1:name=systemd:/system.slice/billing.service/x\n0::/\n",
        b"c0::/system.slice/system-getty.slice/getty@tty1.service\n",
        b"c0::/user.slice/user-0.slice/session-1.scope\n",
        b"e/usr/bin/python3 (deleted)",
    ),
    (
        *(b"0::", b":", b"/system.slice/", b"/user.slice/", b".service", b".scope", b"\n", b"/"),
        *(b"name=systemd", b"\xff", b"\0", b"\\x2d", b".."),
        b"1:name=systemd:/system.slice/x.service",
    ),
)
