import socket
import threading
from http import HTTPStatus
from pathlib import Path

import pytest
from freshkey.cli import ask as module
from freshkey.cli.ask import Answer, NoAgentError, ask, refusal
from freshkey.cli.failure import CommandError
from freshkey.gateway.refusals import Refusal

from tests.cli.agent import KEY, UNKNOWN, Agent, answer, key


def test_a_question_and_its_answer(agent: Agent) -> None:
    agent.script = [answer(200, {"a": 1})]
    assert ask(agent.path, "/v1/status") == Answer(200, {"a": 1})
    assert agent.lines == ["GET /v1/status HTTP/1.1"]
    assert agent.held_tags == [None]


def test_a_tag_and_an_order(agent: Agent) -> None:
    agent.script = [answer(304), answer(202)]
    assert ask(agent.path, "/a", tag="7-a") == Answer(304, {})
    assert ask(agent.path, "/b", order={"now": False}) == Answer(202, {})
    assert agent.held_tags == ['"7-a"', None]
    assert agent.requests[1].line == "POST /b HTTP/1.1"
    assert agent.requests[1].body == '{"now": false}'


def test_an_answer_in_pieces(agent: Agent) -> None:
    agent.script = [[bytes([byte]) for byte in key()]]
    assert ask(agent.path, "/").content["key"] == KEY


def test_an_answer_does_not_show_its_key(agent: Agent) -> None:
    agent.script = [key()]
    assert KEY not in repr(ask(agent.path, "/"))


@pytest.mark.parametrize(
    "step",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",  # without a length it can't be known to be whole
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        answer(200, body=b"<html>"),
        answer(200, body=b"[1]"),
        answer(200, body=b'"\xff"'),
        answer(200, body=b"[" * 100_000),
    ],
)
def test_what_is_no_agent(agent: Agent, step: bytes) -> None:
    agent.script = [step]
    with pytest.raises(CommandError, match="not a Freshkey agent: name its socket") as caught:
        ask(agent.path, "/")
    assert not isinstance(caught.value, NoAgentError)


@pytest.mark.parametrize("sent", [0, -1])
def test_a_hang_up_may_be_a_restart(agent: Agent, sent: int) -> None:
    agent.script = [key()[:sent]]
    with pytest.raises(NoAgentError, match="hung up before its answer was whole"):
        ask(agent.path, "/")


def test_an_agent_that_is_full_answers_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "s"
    busy = answer(503, {"code": "busy", "detail": "too many connections"})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(busy)
                connection.shutdown(socket.SHUT_RD)  # what the client still sends is an EPIPE

        thread = threading.Thread(target=refuse)
        thread.start()
        given = ask(path, "/", order={"x": "y" * 1_000_000})
        thread.join()
    assert str(refusal(given)) == "too many connections"


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)  # a real wait: it is the kernel's
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(NoAgentError, match="no answer within"):
            ask(tmp_path / "s", "/")


def test_too_many_wait_already(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        with pytest.raises(NoAgentError, match="more callers waiting than it takes: try again"):
            ask(path, "/")


def test_there_is_no_socket(tmp_path: Path) -> None:
    with pytest.raises(NoAgentError, match=f"^{tmp_path}/s: there is no such socket: start"):
        ask(tmp_path / "s", "/")


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    with pytest.raises(NoAgentError, match="nobody listens here: start"):
        ask(tmp_path / "s", "/")


def test_what_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(CommandError, match=f"^{path}: this is not a socket: name") as caught:
            ask(path, "/")
        assert not isinstance(caught.value, NoAgentError), "waiting would not help"


def test_the_gateways_socket(agent: Agent) -> None:
    refused = Refusal(HTTPStatus.NOT_FOUND, "not_forwarded", "the gateway does not forward this")
    agent.script = [refused.encode(keep_alive=False)]
    with pytest.raises(CommandError, match=f"^{agent.path}: this is the gateway's socket: name"):
        ask(agent.path, "/v1/keys/billing")


def test_a_socket_of_another_kind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "s"))
        with pytest.raises(CommandError, match="wrong type for socket: name another --socket"):
            ask(tmp_path / "s", "/")


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="path too long: name another --socket"):
        ask(tmp_path / ("s" * 200), "/")


def test_a_socket_that_may_not_be_used(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: socket.socket, __: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refused)  # root may use any
    with pytest.raises(CommandError, match=r"may not be used by user id \d+: join the") as caught:
        ask(agent.path, "/")
    assert not isinstance(caught.value, NoAgentError)


def test_the_words_of_a_refusal(agent: Agent) -> None:
    agent.script = [UNKNOWN]
    line = str(refusal(ask(agent.path, "/"), "billing"))
    assert line == (
        "billing: the configuration has no key of this name: `freshkey status` lists the keys"
    )


def test_a_refusal_without_words_or_with_wild_ones() -> None:
    assert str(refusal(Answer(500, {}), "a")) == "a: the agent answered 500: look at its log"
    assert str(refusal(Answer(500, {"detail": "a\x1b[31m\nb"}))) == "a\\x1b[31m\\nb"
