"""Who is at the other end, and who has read what."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from freshkey.serve.processes import Peer, look_at, unit_of
from freshkey.serve.readers import Readers

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_that_lives() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = look_at(ours)
    assert peer[:4] == (os.getpid(), os.getuid(), os.getgid(), os.path.realpath(sys.executable))


def test_a_process_that_has_ended_is_not_looked_for(tmp_path: Path) -> None:
    """Its connection can outlive it, and its number can be another's by then."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        with subprocess.Popen([sys.executable, "-I", "-S", "-c", script]) as child:
            connection, _ = listener.accept()
        with connection:
            assert look_at(connection) == Peer(child.pid, os.getuid(), os.getgid(), None, None)


@pytest.mark.parametrize(
    ("cgroups", "unit"),
    [
        ("0::/system.slice/billing.service\n", "billing.service"),
        ("0::/system.slice/billing.service/worker\n", "billing.service"),
        ("0::/system.slice/billing.service:odd\n", "billing.service:odd"),
        ("0::/system.slice/system-app.slice/app@1.service\n", None),
        ("0::/user.slice/user-1000.slice/billing.service\n", None),
        ("0::/x/system.slice/billing.service\n", None),
        ("0::/system.slice\n", None),
        ("0::/\n", None),
        ("12:cpu:/\n1:name=systemd:/system.slice/billing.service\n", "billing.service"),
        ("12:cpu:/system.slice/billing.service\n", None),
        ("garbage\n\n", None),
        ("", None),
    ],
)
def test_units_are_those_right_below_the_system_slice(cgroups: str, unit: str | None) -> None:
    assert unit_of(cgroups) == unit


def test_the_latest_readers_are_remembered() -> None:
    now = 100.0
    readers = Readers(lambda: now)
    for pid in range(100):
        readers.note("billing", Peer(pid, 0, 0), "1-aa")
    readers.note("billing", Peer(50, 0, 0), "2-bb")
    now = 102.5
    listed = readers.of("billing")
    assert len(listed) == 64
    assert (listed[0]["pid"], listed[0]["tag"], listed[0]["age"]) == (50, "2-bb", 2)
    assert {reader["pid"] for reader in listed} == set(range(36, 100))
