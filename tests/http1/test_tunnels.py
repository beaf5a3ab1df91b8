"""Answers to CONNECT, in whatever portions a proxy sends them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus

import pytest
from freshkey.http1.answers import BadAnswerError
from freshkey.http1.tunnels import read_status

OK = b"HTTP/1.1 200 Connection established\r\n"
PATIENCE = 30.0  # seconds
_LITTLE = 0.5  # seconds of processor time: 16,000 reads take a tenth of that


def answered(*portions: bytes) -> int:
    ours, theirs = socket.socketpair()
    with ours:

        def send() -> None:
            with theirs, suppress(BrokenPipeError):
                for portion in portions:
                    theirs.sendall(portion)

        sender = threading.Thread(target=send)
        sender.start()
        ours.settimeout(PATIENCE)
        try:
            return read_status(ours)
        finally:
            assert ours.gettimeout() == PATIENCE
            ours.close()
            sender.join()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (OK + b"\r\n", 200),
        (OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        (OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 200),
        (b"HTTP/1.1 407 Who are you?\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 407),
        (b"HTTP/1.0 200 OK\n\n", 200),
        (b"HTTP/1.1 204\r\n\r\n", 204),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"\r\n", 200),
    ],
)
def test_only_the_status_counts(sent: bytes, status: int) -> None:
    assert answered(sent) == status
    assert answered(*(sent[at : at + 1] for at in range(len(sent)))) == status


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        OK,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000\r\n\r\n",
        b"HTTP/1.1 099 x\r\n\r\n",
        OK + b"A: " + b"x" * 40_000,
        OK + b"A: " + b"x" * 16_384 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    ],
)
def test_what_is_no_answer(sent: bytes) -> None:
    with pytest.raises(BadAnswerError):
        answered(sent)


def test_a_large_head_in_small_portions_costs_little() -> None:
    head = OK + b"A: " + b"x" * 16_000 + b"\r\n\r\n"
    began = time.thread_time()
    assert answered(*(head[at : at + 1] for at in range(len(head)))) == HTTPStatus.OK
    assert time.thread_time() - began < _LITTLE


@pytest.mark.parametrize(
    ("head", "more"), [(OK, b"A: b\r\n"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")]
)
def test_the_timeout_is_for_the_whole(head: bytes, more: bytes) -> None:
    ours, theirs = socket.socketpair()
    ended = threading.Event()

    def trickle() -> None:
        theirs.sendall(head)
        with suppress(OSError):
            while not ended.wait(0.02):
                theirs.sendall(more)

    sender = threading.Thread(target=trickle)
    with ours, theirs:
        sender.start()
        ours.settimeout(0.2)
        began = time.monotonic()
        try:
            with pytest.raises(TimeoutError):
                read_status(ours)
        finally:
            ended.set()
            sender.join()
        assert 0.2 <= time.monotonic() - began < PATIENCE
