"""What `freshkey status` and `get` are told at the agent's socket by something that is no agent.

The first byte of an input chooses the command; the rest is an answer, as in `answer_of`.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from unittest import mock

from freshkey.cli.ask import _UnixConnection

from tests.fuzz.answering import answer_of
from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.command import run
from tests.fuzz.target import Target

COMMANDS: tuple[list[str], ...] = (
    ["status"],
    ["status", "--json"],
    ["get", "billing", "--wait", "0"],
    ["get", "billing", "--wait", "0", "--format", "env"],
    ["get", "billing", "--wait", "0", "--format", "json"],
)


def check(data: bytes) -> None:
    command = COMMANDS[data[0] % len(COMMANDS) if data else 0]
    answer = answer_of(data[1:])

    def connect(connection: _UnixConnection) -> None:
        connection.sock, theirs = socket.socketpair()
        peers.enter_context(theirs)  # one that is gone would break the pipe
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)

    with (
        ExitStack() as peers,
        mock.patch.object(_UnixConnection, "connect", connect),
        mock.patch("freshkey.cli.get.forbid_core"),
        mock.patch("time.sleep"),
    ):
        status, out, told = run([*command, "--socket", "/run/freshkey.sock"])
    assert status in {0, 1}
    assert (status == 0) != bool(told), "a failure is told, and nothing else"
    hidden_in(told.splitlines(), CANARY)
    if command == ["status"]:
        assert all(line.isprintable() for line in out.split("\n")), "a terminal acts on it"
    if command[-1] == "env":
        assert out.count("\n") <= 1
        assert "\0" not in out


SECRET = CANARY.encode()
STATUS = (
    b'{"version": "1", "pid": 5, "started": "2030-01-01T00:00:00Z", "vault": {"address": "a", '
    b'"fault": null}, "token": {"accessor": "a", "expires_in": 60}, "keys": [{"name": "billing", '
    b'"tag": "7-0", "generation": 7, "state": "fresh", "age": 1, "expires_in": 60, "leases": 2, '
    b'"last_fault": {"operation": "mint", "fault": "tls", "message": "m", "time": "t"}, '
    b'"files": [{"path": "/f", "ok": false, "fault": "full"}], '
    b'"readers": [{"pid": 1, "uid": 2, "tag": "6-0", "age": 3}]}]}'
)
KEY = b'{"name": "billing", "key": "' + SECRET + b'", "tag": "7-0", "expires_in": 60}'
TARGET = Target(
    check,
    (
        b"\0\0" + STATUS,
        b"\1\0" + STATUS,
        b"\2\0" + KEY,
        b"\2\0" + KEY.replace(SECRET, b"\\ud800"),
        b"\3\0" + KEY,
        b"\4\0" + KEY,
        b'\2\x0c{"code": "no_key", "detail": "nothing is published"}',
        b"\0rHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ),
    (
        *(b"\r\n", b"\0", b"\xff", b"1e999", b"NaN", b"9" * 5000, b"[" * 2000, b'"\\ud800"'),
        *(b'"expires_in": 1e999', b'"age": NaN', b'"tag": "' + b"9" * 5000 + b'"', b"\\u001b[2J"),
        *(b'"key": "\\ud800"', b'"key": "\\u0000"', b'"key": ["x"]', b'"key": "a b"', b"\\n"),
        *(b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 99999 X"),
        *(b'"detail": "\\u001b"', b'"detail": ["x"]', b'"code": "unknown_key"', b"HTTP/0.9"),
    ),
)
