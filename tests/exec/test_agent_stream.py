"""What `exec` makes of the agent's answers, however they come, and when none comes."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from selectors import DefaultSelector
from typing import TYPE_CHECKING

import pytest
from freshkey.exec.agent_stream import AgentStream
from freshkey.exec.answers import Answer, AnswerReader, Event, NotTheAgentError
from freshkey.exec.key_names import ChoiceError, key_in, only_key
from freshkey.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 100.0
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENTS = (
    b'event: key\nid: 1-aa\ndata: {"key": "first"}\n\n'
    b": still here\n\n"
    b'event: key\nid: 2-bb\ndata: {"key": "second"}\n\n'
)
BUSY = {"code": "busy", "detail": "too many connections: close some, or raise max_connections"}


def answer(status: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


KEYS = answer("200 OK", [{"name": "billing"}])


@pytest.mark.parametrize(
    ("whole", "items"),
    [
        (
            STREAM + EVENTS,
            [Event("1-aa", {"key": "first"}), Event("2-bb", {"key": "second"})],
        ),
        (KEYS, [Answer(200, [{"name": "billing"}])]),
        (answer("503 Service Unavailable", BUSY), [Answer(503, BUSY)]),
    ],
    ids=["stream", "list", "busy"],
)
def test_bytes_may_be_cut_anywhere(whole: bytes, items: list[Answer | Event]) -> None:
    for at in range(len(whole) + 1):
        reader = AnswerReader()
        assert [*reader.feed(whole[:at]), *reader.feed(whole[at:])] == items
    reader = AnswerReader()
    assert [item for byte in whole for item in reader.feed(bytes([byte]))] == items


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(17_000),
        STREAM + b"data: {not json}\n\n",
        STREAM + b"data: " + bytes(1 << 20),
    ],
)
def test_what_is_no_agent(data: bytes) -> None:
    with pytest.raises(NotTheAgentError):
        AnswerReader().feed(data)


class Agent:
    """A socket that answers what it is told to."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(5)

    def accept(self) -> tuple[socket.socket, bytes]:
        """Take a connection, with the request that came on it."""
        connection, _ = self._listener.accept()
        return connection, connection.recv(65536)

    def has_a_caller(self) -> bool:
        self._listener.setblocking(False)  # noqa: FBT003 - it takes no keyword
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        finally:
            self._listener.settimeout(5)
        return True

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def agent(tmpfs_path: Path) -> Iterator[Agent]:
    agent = Agent(tmpfs_path / "sock")
    yield agent
    agent.close()


@pytest.fixture
def stream(agent: Agent, tmpfs_path: Path) -> Iterator[AgentStream]:
    with DefaultSelector() as selector:
        stream = AgentStream(tmpfs_path / "sock", "/v1/keys/billing/events", selector)
        yield stream
        stream.close()


def test_a_silent_agent_is_given_up_and_asked_again(agent: Agent, stream: AgentStream) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    connection.sendall(STREAM + EVENTS)
    assert len(stream.receive(NOW + 1)) == 2
    given_up = NOW + 1 + 60
    stream.plan(given_up - 1)
    assert not stream.trouble
    assert stream.due() == given_up
    stream.plan(given_up)
    assert stream.trouble.endswith("/sock: the agent is silent: look at its log")
    assert connection.recv(1) == b"", "it hung up"
    assert not stream.hopeless
    connection.close()
    stream.plan(stream.due())
    connection, request = agent.accept()
    assert b"Last-Event-ID: 2-bb\r\n" in request, "only what is new is asked for"
    connection.close()


def test_a_comment_is_a_sign_of_life(agent: Agent, stream: AgentStream) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    connection.sendall(STREAM)
    for passed in (50, 100, 150):
        connection.sendall(b": still here\n\n")
        assert stream.receive(NOW + passed) == []
        assert stream.due() == NOW + passed + 60
    connection.close()


def test_a_busy_agent_is_asked_again_later_and_later(agent: Agent, stream: AgentStream) -> None:
    pauses = []
    now = NOW
    for _ in range(9):
        stream.plan(now)
        connection, _ = agent.accept()
        connection.sendall(answer("503 Service Unavailable", BUSY))
        connection.close()
        assert stream.receive(now) == [Answer(503, BUSY)]
        assert stream.trouble.endswith(f"/v1/keys/billing/events: {BUSY['detail']}")
        assert not stream.hopeless
        pauses.append(round(stream.due() - now, 1))
        stream.plan(stream.due() - 0.05)
        assert not agent.has_a_caller(), "it waits out its pause"
        now = stream.due()
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    stream.plan(now)
    connection, _ = agent.accept()
    connection.sendall(STREAM + EVENTS)
    assert len(stream.receive(now)) == 2
    assert not stream.trouble
    connection.close()
    assert stream.receive(now) == []
    assert stream.due() == now + 0.1, "the pauses begin anew"


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found"])
def test_a_refusal_is_hopeless(agent: Agent, stream: AgentStream, status: str) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    connection.sendall(answer(status, {"detail": "no such key: name another one"}))
    stream.receive(NOW)
    assert stream.hopeless
    assert stream.trouble.endswith("/v1/keys/billing/events: no such key: name another one")
    connection.close()


def test_the_gateways_socket_is_hopeless(agent: Agent, stream: AgentStream) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    refused = Refusal(HTTPStatus.NOT_FOUND, "not_forwarded", "the gateway does not forward this")
    connection.sendall(refused.encode(keep_alive=False))
    stream.receive(NOW)
    assert stream.hopeless
    assert stream.trouble.endswith(
        "/sock: this is the gateway's socket: name the agent's with --socket"
    )
    connection.close()


def test_a_directory_in_place_of_the_socket_is_hopeless(tmpfs_path: Path) -> None:
    with DefaultSelector() as selector:
        stream = AgentStream(tmpfs_path, "/v1/keys", selector)
        stream.plan(NOW)
    assert (stream.hopeless, stream.unanswered) == (True, False)
    assert stream.trouble == f"{tmpfs_path}: this is not a socket: name the agent's with --socket"


def test_another_program_at_the_socket_is_hopeless(agent: Agent, stream: AgentStream) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
    assert stream.receive(NOW) == []
    assert stream.hopeless
    assert "is not a Freshkey agent" in stream.trouble
    connection.close()


def test_asking_again_is_for_all_that_came_before(agent: Agent, stream: AgentStream) -> None:
    stream.plan(NOW)
    connection, _ = agent.accept()
    is_open = [stream.is_open]
    connection.sendall(STREAM + EVENTS)
    assert len(stream.receive(NOW)) == 2
    is_open.append(stream.is_open)
    stream.ask_again(NOW + 5)
    assert [*is_open, stream.is_open] == [False, True, False]
    assert connection.recv(1) == b""
    connection.close()
    assert stream.due() == NOW + 5
    stream.plan(NOW + 5)
    connection, request = agent.accept()
    assert b"Last-Event-ID" not in request
    connection.sendall(STREAM + EVENTS)
    assert len(stream.receive(NOW + 5)) == 2
    connection.close()


@pytest.mark.parametrize("text", ["", "a\0b", "a b", "\ud800", "\xe9", "a\r\nb"])
def test_what_no_environment_or_request_takes_is_none(text: str) -> None:
    assert key_in({"key": text}) is None
    with pytest.raises(ChoiceError, match="no key that you may read"):
        only_key([{"name": text}])
