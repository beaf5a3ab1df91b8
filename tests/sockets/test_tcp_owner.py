"""Whose a TCP connection is, as the kernel tells of real ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from freshkey.sockets.tcp_owner import TcpOwners

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONNECT = """
import os, socket, sys
os.setuid(int(sys.argv[3]))
sock = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
sock.connect((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
sys.stdin.read()
"""


def forbidden(*_: object) -> None:
    raise PermissionError("as in a sandbox without AF_NETLINK")


@pytest.fixture(params=["sock_diag", "proc"])
def owners(request: pytest.FixtureRequest) -> TcpOwners:
    return TcpOwners() if request.param == "sock_diag" else TcpOwners(ask=forbidden)


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((request.param, 0))
        sock.listen()
        yield sock


def test_a_process_of_another_user(listener: socket.socket, owners: TcpOwners) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    host, port = listener.getsockname()[:2]
    command = [sys.executable, "-c", CONNECT, host, str(port), "1234"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as client:  # type: ignore[call-overload]
        connection, _ = listener.accept()
        with connection:
            assert client.stdout.readline() == b"connected\n"
            assert owners.uid(connection, time.monotonic()) == 1234
            client.stdin.close()
            client.wait()
            assert owners.uid(connection, time.monotonic()) is None, "it has ended"


def test_a_client_of_ipv4_with_a_socket_of_ipv6(owners: TcpOwners) -> None:
    with socket.socket() as listening, socket.socket(socket.AF_INET6) as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        client.connect(("::ffff:127.0.0.1", listening.getsockname()[1]))
        connection, _ = listening.accept()
        with connection:
            assert owners.uid(connection, time.monotonic()) == os.geteuid()


def test_nobody_is_taken_for_root(listener: socket.socket, owners: TcpOwners) -> None:
    """The kernel gives user 0 for a socket that its process has closed: proc(5)."""
    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
    with connection:
        assert owners.uid(connection, time.monotonic()) is None


def test_one_look_does_for_those_who_came_before(listener: socket.socket, tmp_path: Path) -> None:
    owners = TcpOwners(ask=forbidden)
    with socket.socket(listener.family) as first, socket.socket(listener.family) as second:
        accepted = []
        for client in (first, second):
            client.connect(listener.getsockname())
            accepted.append(listener.accept()[0])
        before = time.monotonic()
        assert owners.uid(accepted[0], before) == os.geteuid()
        owners._directory = tmp_path  # noqa: SLF001 - where there is nothing to be read
        assert owners.uid(accepted[1], before) == os.geteuid()
        assert owners.uid(accepted[1], time.monotonic()) is None
        for connection in accepted:
            connection.close()
