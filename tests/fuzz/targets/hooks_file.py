"""`hooks.json`, and the cgroups that /proc lists for a peer: any bytes are read, or told of."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from freshkey.hooks.done import NAME, DoneHooks
from freshkey.outputs.state_dir import StateDirectory
from freshkey.sockets.provenance import unit_of
from structlog.testing import capture_logs

from tests.fuzz.target import Target


@cache
def state() -> StateDirectory:
    return StateDirectory.open(
        Path(tempfile.mkdtemp(dir="/dev/shm", prefix="freshkey-fuzz-")), allow_disk=False
    )


def check(data: bytes) -> None:
    unit = unit_of(data.decode(errors="backslashreplace").split("\n"))
    assert unit is None or unit.endswith((".service", ".scope"))
    assert unit is None or "/" not in unit
    path = state().path / NAME
    path.write_bytes(data)
    os.chmod(path, 0o600)  # noqa: PTH101 - a descriptor of a file would do as well
    with capture_logs() as told:
        done = DoneHooks(state(), {"billing": 7, "search": 3})
    assert 0 <= len(told) <= 1
    for name, generation in (("billing", 7), ("search", 3)):
        assert done.of(name) <= generation, "what was never published has had no hooks"


TARGET = Target(
    check,
    (
        b'{"billing": 6, "search": 3}',
        b'{"billing": Infinity}',
        b"0::/system.slice/billing.service\n",
        b"12:cpu:/\n1:name=systemd:/system.slice/billing.service/x\n0::/\n",
    ),
    (
        *(b'"billing": ', b"NaN", b"1e999", b"-1", b"9" * 5000, b"[" * 3000, b"{" * 900, b'""'),
        *(b"0::", b":", b"/system.slice/", b"/user.slice/", b".service", b"\n", b"/", b"\xff"),
        b"\0",
    ),
    size=8000,
)
