"""Those that the agent is compared with: they send what they were given, and no more."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from bench.answer import Answer, ask
from bench.generator import load
from bench.program import Program
from bench.servers import AUDITED, LOGGED, Server
from testbed.binaries import BENCH_PEER, binary
from tests.agent.harness import UnixConnection
from tests.bench.answering import BODY, GOOD, Answering

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: application/json\r\n"
    b'ETag: "1-abc"\r\n'
    b"Content-Length: %d\r\n"
    b"Cache-Control: no-store\r\n\r\n%s"
) % (len(BODY), BODY)


@pytest.mark.parametrize("module", [None, "bench.http_server", "bench.hypercorn_server"])
def test_a_peer_sends_the_same_headers_and_body(tmpfs_path: Path, module: str | None) -> None:
    path, file = tmpfs_path / "sock", tmpfs_path / "answer"
    file.write_bytes(ANSWER)
    program = [sys.executable, "-m", module] if module else [str(binary(BENCH_PEER))]
    with Program([*program, path, file], tmpfs_path / "log") as peer:
        peer.until(lambda: ask(path))
        connection = UnixConnection(path)
        connection.request("GET", "/v1/keys/billing")
        answer = connection.getresponse()
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        body = answer.read()
        connection.close()
        assert load(path, 3, answers=30).answers == 30
    wanted = Answer.read(ANSWER)
    assert sorted(headers) == sorted((name.lower(), value) for name, value in wanted.headers)
    assert body == wanted.body == BODY


def test_the_part_of_the_agent_answers_with_a_key(tmpfs_path: Path) -> None:
    path = tmpfs_path / "sock"
    with Program([sys.executable, "-m", "bench.socket_server", path], tmpfs_path / "log") as part:
        part.until(lambda: ask(path))
        assert load(path, 3, answers=30).answers == 30
        assert part.processor() > 0
        assert part.memory() > 1024


def test_a_program_that_ends_is_told_of_by_its_last_words(tmpfs_path: Path) -> None:
    command = [sys.executable, "-c", "exit('no luck')"]
    with (
        Program(command, tmpfs_path / "log") as program,
        pytest.raises(SystemExit, match="did not get there: no luck"),
    ):
        program.until(lambda: False)


@pytest.mark.parametrize("name", [AUDITED, LOGGED])
def test_a_read_that_left_no_audit_event_is_told_of(
    tmpfs_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmpfs_path / "record"
    record.write_text("one event\n")
    idle = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        Answering(tmpfs_path / "sock", [GOOD + BODY]) as answering,
        Program(idle, tmpfs_path / "log") as program,
    ):
        server = Server(name, program, answering.path, record)
        ends = pytest.raises(SystemExit, match="reads are not in")
        with ends if name == AUDITED else nullcontext():  # a log may drop what is too much
            server.measure(1, 0.05, min(os.sched_getaffinity(0)))
            assert "reads are not in" in capsys.readouterr().err
    assert not record.read_bytes()


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 503 Busy\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n"])
def test_only_a_good_answer_is_copied(data: bytes) -> None:
    with pytest.raises(ValueError, match="no answer of 200"):
        Answer.read(data)
