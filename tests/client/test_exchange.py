"""What the system does to one exchange when the agent answers before it reads, or without end."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from freshkey.client import SetupError, SocketKey

from tests.cli.agent import KEY, key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import ReadableBuffer


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "freshkey.sock"))
        listening.listen()
        yield listening


def test_an_answer_to_an_unread_request_is_taken(listener: socket.socket) -> None:
    """An agent that is full answers without reading; the system then resets the connection."""

    def answer() -> None:
        connection, _ = listener.accept()
        connection.sendall(key())
        connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    assert SocketKey("billing", listener.getsockname(), wait=0)() == KEY
    thread.join()


def test_an_answer_before_the_request_is_taken(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the request can't be sent any more."""

    class Late(socket.socket):
        def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
            connection, _ = listener.accept()
            connection.sendall(key())
            connection.close()
            return super().send(data, flags)

    monkeypatch.setattr("freshkey.client.exchange.socket.socket", Late)
    assert SocketKey("billing", listener.getsockname(), wait=0)() == KEY


def test_an_answer_without_end_is_given_up(listener: socket.socket) -> None:
    sent = 0

    def answer() -> None:
        nonlocal sent
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            while sent < 64 * 1024 * 1024:
                sent += connection.send(b"HTTP/1.1 200 OK " * 1024)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(SetupError, match="no Freshkey agent"):
        SocketKey("billing", listener.getsockname())()
    thread.join()
    assert sent < 1024 * 1024
