"""Sockets from systemd: in a process of its own, because they have to be descriptor 3 and up."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHILD = """
import json, os, socket, sys
from pathlib import Path
from freshkey.core.model.faults import FaultError
from freshkey.sockets.activation import take_inherited

pid, paths, passed = sys.argv[1], *map(json.loads, sys.argv[2:])
for number, name in enumerate(passed, 3):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(name)
    sock.listen()
    if (made := sock.detach()) != number:
        os.dup2(made, number)
        os.close(made)
    os.set_inheritable(number, True)
environ = {
    "LISTEN_PID": pid or str(os.getpid()),
    "LISTEN_FDS": os.environ.get("COUNT") or str(len(passed)),
    "LISTEN_FDNAMES": "x",
    "A": "b",
}
found = {"environ": environ}
try:
    listeners = take_inherited(environ, [Path(path) for path in paths])
except FaultError as error:
    found["fault"] = error.fault.message
else:
    found["took"] = {str(path): listener.socket.fileno() for path, listener in listeners.items()}
    for listener in listeners.values():
        assert not os.get_inheritable(listener.socket.fileno())
        assert not listener.socket.getblocking()
        listener.close()
    found["left"] = [Path(name).exists() for name in passed]
print(json.dumps(found))
"""


def take(paths: Sequence[Path], passed: Sequence[Path], pid: str = "") -> dict[str, Any]:
    """Take over sockets at `paths` in a process to which sockets at other paths were passed."""
    names = (json.dumps(list(map(str, places))) for places in (paths, passed))
    command = [sys.executable, "-c", CHILD, pid, *names]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_sockets_are_taken_over_and_their_files_are_left(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    assert take([first, third, second], [second, first]) == {
        "environ": {"A": "b"},
        "took": {str(second): 3, str(first): 4},
        "left": [True, True],
    }


def test_a_count_that_is_none_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNT", "9" * 5000)  # more digits than Python reads
    assert take([tmp_path / "s"], []) == {"environ": {"A": "b"}, "took": {}, "left": []}


@pytest.mark.parametrize("pid", ["1", "nonsense"])
def test_what_was_passed_to_another_process_is_left_alone(tmp_path: Path, pid: str) -> None:
    path = tmp_path / "s"
    assert take([path], [path], pid) == {"environ": {"A": "b"}, "took": {}, "left": [True]}


def test_a_socket_at_another_path_is_told(tmp_path: Path) -> None:
    path, other, passed = tmp_path / "s", tmp_path / "c", tmp_path / "t"
    assert take([path, other], [passed])["fault"] == (
        f"systemd passed a socket at '{passed}': its unit must have no other sockets than "
        f"ListenStream={path}, ListenStream={other}"
    )
