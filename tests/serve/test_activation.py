"""Sockets from systemd: in a process of its own, because they have to be descriptor 3 and up."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CHILD = """
import json, os, socket, sys
from pathlib import Path
from freshkey.core.model.faults import FaultError
from freshkey.serve.activation import take_inherited

path, passed, pid = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX)
sock.bind(passed)
sock.listen()
if (number := sock.detach()) != 3:
    os.dup2(number, 3)
os.set_inheritable(3, True)
environ = {
    "LISTEN_PID": pid or str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x", "A": "b",
}
found = {"environ": environ}
try:
    listener = take_inherited(environ, Path(path))
except FaultError as error:
    found["fault"] = error.fault.message
else:
    found["took"] = listener is not None
    if listener is not None:
        found["fd"] = listener.socket.fileno()
        found["inheritable"] = os.get_inheritable(3)
        found["blocking"] = listener.socket.getblocking()
        listener.close()
    found["left"] = Path(passed).exists()
print(json.dumps(found))
"""


def take(path: Path, passed: Path, pid: str = "") -> dict[str, Any]:
    command = [sys.executable, "-c", CHILD, str(path), str(passed), pid]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_socket_is_taken_over_and_its_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert take(path, path) == {
        "environ": {"A": "b"},
        "took": True,
        "fd": 3,
        "inheritable": False,
        "blocking": False,
        "left": True,
    }


@pytest.mark.parametrize("pid", ["1", "nonsense"])
def test_what_was_passed_to_another_process_is_left_alone(tmp_path: Path, pid: str) -> None:
    path = tmp_path / "s"
    assert take(path, path, pid) == {"environ": {"A": "b"}, "took": False, "left": True}


def test_a_socket_at_another_path_is_told(tmp_path: Path) -> None:
    path, passed = tmp_path / "s", tmp_path / "t"
    message = f"systemd passed a socket at '{passed}'; set its unit to ListenStream={path}"
    assert take(path, passed)["fault"] == message
