"""Executable and unit of real processes, and of made-up ones in a made-up /proc."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.sockets.peers import Peer, peer_of
from freshkey.sockets.provenance import unit_of, with_provenance

if TYPE_CHECKING:
    from collections.abc import Iterator

SO_PEERGROUPS = 59
PEER = Peer(42, 1000, 100)
CONNECT = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); input()"


class Connection(socket.socket):
    """A connection on a kernel that answers SO_PEERPIDFD with `outcome`, and knows no groups."""

    outcome: int | OSError

    def getsockopt(self, _level: int, option: int, *_: object) -> int:  # type: ignore[override]  # of all options it has one
        if option == SO_PEERGROUPS:
            raise OSError(errno.ENOPROTOOPT, "")
        if isinstance(self.outcome, OSError):
            raise self.outcome
        return os.dup(self.outcome)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection(socket.AF_UNIX) as made:
        made.outcome = OSError(errno.ENOPROTOOPT, "")
        yield made


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    directory = tmp_path / "42"
    directory.mkdir()
    (directory / "exe").symlink_to("/usr/bin/billing")
    (directory / "cgroup").write_text("0::/system.slice/billing.service\n")
    return tmp_path


def test_a_real_peer_is_known_while_it_lives_and_not_after(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        path = tmp_path / "s"
        listening.bind(str(path))
        listening.listen()
        command = [sys.executable, "-I", "-S", "-c", CONNECT, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            accepted, _ = listening.accept()
            with accepted:
                peer = peer_of(accepted)
                found = with_provenance(peer, accepted)
                program, groups = Path(sys.executable).stat(), tuple(sorted(os.getgroups()))
                assert found._replace(groups=tuple(sorted(found.groups))) == peer._replace(
                    executable=os.path.realpath(sys.executable),
                    program=(program.st_dev, program.st_ino),
                    groups=groups,
                )
                process.communicate(b"\n")
                assert with_provenance(peer, accepted) == peer._replace(groups=found.groups)


def test_executable_and_unit_are_read(connection: Connection, proc: Path) -> None:
    found = with_provenance(PEER, connection, proc)
    assert found == Peer(42, 1000, 100, "/usr/bin/billing", "billing.service")


def test_no_descriptor_is_left_open(connection: Connection, proc: Path) -> None:
    ours, theirs = os.pipe()
    connection.outcome = ours  # readable only once the other end is closed
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert with_provenance(PEER, connection, proc).unit == "billing.service"
    os.close(theirs)
    assert with_provenance(PEER, connection, proc) == PEER
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1
    os.close(ours)


def test_what_was_read_of_a_process_that_has_ended_counts_for_nothing(
    connection: Connection, proc: Path
) -> None:
    connection.outcome = OSError(errno.ESRCH, "")
    assert with_provenance(PEER, connection, proc) == PEER


def test_what_can_not_be_seen_is_none(connection: Connection, proc: Path) -> None:
    (proc / "42" / "exe").unlink()
    assert with_provenance(PEER, connection, proc) == PEER._replace(unit="billing.service")
    (proc / "42" / "cgroup").unlink()
    assert with_provenance(PEER, connection, proc) == PEER
    assert with_provenance(Peer(0, 0, 0), connection, proc) == Peer(0, 0, 0)


def test_a_name_that_is_no_text_is_made_one(connection: Connection, proc: Path) -> None:
    (proc / "42" / "exe").unlink()
    (proc / "42" / "exe").symlink_to(os.fsdecode(b"/bin/\xff\xfe"))
    assert with_provenance(PEER, connection, proc).executable == r"/bin/\xff\xfe"


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        (["0::/system.slice/billing.service"], "billing.service"),
        (["0::/system.slice/billing.service/sub/group"], "billing.service"),
        (["0::/system.slice/docker-1234.scope"], "docker-1234.scope"),
        (["0::/system.slice/a:b.service"], "a:b.service"),
        (["1:name=systemd:/system.slice/old.service", "0::/"], "old.service"),
        (["3:cpu:/", "1:name=systemd:/system.slice/old.service", ""], "old.service"),
        (["3:cpu:/system.slice/x.service", "1:name=systemd:/user.slice"], None),
        (["1:name=systemd:/system.slice/x.service", "0::/user.slice/user-0.slice"], None),
        (["0::/system.slice/system-foo.slice/foo@1.service"], None),
        (["0::/user.slice/user-0.slice/system.slice/x.service"], None),
        (["0::/../system.slice/x.service"], None),
        (["0::/system.slice"], None),
        (["0::/system.slice/anything"], None),
        (["", "nonsense", "1:two"], None),
        ([], None),
    ],
)
def test_the_unit_is_the_one_directly_under_system_slice(
    lines: list[str], unit: str | None
) -> None:
    assert unit_of(lines) == unit
