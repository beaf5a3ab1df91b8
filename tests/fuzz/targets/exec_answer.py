"""What `freshkey exec` is told at the agent's socket by something that is no agent, in any pieces.

The first byte of an input is the size of the pieces; the second chooses what was asked.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from selectors import DefaultSelector
from typing import TYPE_CHECKING
from unittest import mock

from freshkey.exec.key_feed import KeyFeed
from freshkey.exec.key_names import ChoiceError, with_keys
from freshkey.exec.run_feed import RunFeed

from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from freshkey.exec.source import Feed

ROUNDS = 3  # connections


class Got:
    """What goes into the environment of the command."""

    def __init__(self) -> None:
        self.values: dict[str, Secret] = {}

    def __call__(self, name: str, key: Secret, now: float, *, stale: bool) -> None:
        del now, stale
        self.values[name] = key


def check(data: bytes) -> None:
    size, kind, content = (data[0] or 256, data[1], data[2:]) if len(data) > 1 else (1, 0, b"")
    got = Got()
    with DefaultSelector() as selector, mock.patch("freshkey.exec.run_feed.tell"):
        where = Path("/run/freshkey.sock")
        names = (["billing"], [""], ["a", "b"])[kind % 3]
        feeds: tuple[Feed, ...] = (
            KeyFeed(where, names, selector, got),
            RunFeed(where, selector, got),
        )
        for feed in feeds:
            try:
                answered(feed, content, size)
            except ChoiceError as error:
                hidden_in([str(error)], "\0")
            for stream in feed.streams():
                stream.close()
    environment = with_keys({}, {f"V{name}": name for name in got.values}, got.values)
    for value in environment.values():  # which exec(3) takes
        assert value
        assert b"\0" not in value.encode()


def answered(feed: Feed, content: bytes, size: int) -> None:
    """Answer each question of a feed with the same bytes."""
    now = 0.0
    for _ in range(ROUNDS):
        now += 120
        for stream in feed.streams():
            ours, theirs = socket.socketpair()
            with (
                ours,
                theirs,
                mock.patch("socket.socket", lambda _family, sock=ours: Connected(sock)),
            ):
                stream.plan(now)
                with suppress(BrokenPipeError):  # it has hung up
                    for start in range(0, len(content), size):
                        theirs.sendall(content[start : start + size])
                        for item in stream.receive(now):
                            hidden_in([repr(item)], CANARY)
                            feed.take(stream, item, now)
                    theirs.shutdown(socket.SHUT_WR)
                    for item in stream.receive(now):
                        feed.take(stream, item, now)
                hidden_in([stream.trouble], CANARY)
                stream.ask_again(now)


class Connected:
    """A socket that was connected before."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def connect(self, _path: str) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SECRET = CANARY.encode()
PROBLEM = b'{"status": 503, "code": "no_key", "detail": "nothing is published"}'
TARGET = Target(
    check,
    (
        b"\0\0" + HEAD + b': hi\n\nevent: key\nid: 7-0\ndata: {"key": "' + SECRET + b'"}\n\n',
        b"\0\0" + HEAD + b'data: {"key": "a\\u0000b"}\n\n',
        b"\x09\1HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" + b'[{"name": "billing"}]  ',
        b"\x05\0" + HEAD + b'event: run\ndata: {"base_url": "http://127.0.0.1:8317/v1"}\n\n',
        b"\0\0HTTP/1.1 503 Away\r\nContent-Length: %d\r\n\r\n" % len(PROBLEM) + PROBLEM,
    ),
    (
        *(b"\r\n", b"\n\n", b"\n", b"data: ", b"id: ", b"event: ", b":", b"\0", b"\xff"),
        *(b"\\u0000", b"\\ud800", b"Content-Length: -5\r\n", b"Content-Length: " + b"9" * 5000),
        *(b"HTTP/1.1 000", b"HTTP/1.1 403", b"[" * 2000, b"9" * 5000, b"\x1b[2J"),
        *(b'{"key": "a\\u0000b"}', b'{"base_url": "\\ud800"}', b"\r", b'[{"name": "\\ud800"}]'),
        *(b'[{"name": "a\\r\\nb"}]', b'[{"name": [1]}]', b"[]", b"HTTP/1.1 2 0"),
    ),
    size=8192,
)
