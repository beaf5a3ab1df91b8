"""Whose a TCP connection is, as the kernel tells of real ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from freshkey.sockets.tcp_owner import tcp_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Look: TypeAlias = Callable[[socket.socket], int | None]

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
def owner(request: pytest.FixtureRequest) -> Look:
    return tcp_owner if request.param == "sock_diag" else partial(tcp_owner, ask=forbidden)


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((request.param, 0))
        sock.listen()
        yield sock


def test_a_process_of_another_user(listener: socket.socket, owner: Look) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    host, port = listener.getsockname()[:2]
    command = [sys.executable, "-c", CONNECT, host, str(port), "1234"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        connection, _ = listener.accept()
        with connection:
            assert client.stdout.readline() == b"connected\n"
            assert owner(connection) == 1234
            client.stdin.close()
            client.wait()
            assert owner(connection) is None, "it has ended"


def test_a_client_of_ipv4_with_a_socket_of_ipv6(owner: Look) -> None:
    with socket.socket() as listening, socket.socket(socket.AF_INET6) as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        client.connect(("::ffff:127.0.0.1", listening.getsockname()[1]))
        connection, _ = listening.accept()
        with connection:
            assert owner(connection) == os.geteuid()


def test_nobody_is_taken_for_root(listener: socket.socket, owner: Look) -> None:
    """The kernel gives user 0 for a socket that its process has closed: proc(5)."""
    with socket.socket(listener.family) as client:
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
    with connection:
        assert owner(connection) is None
