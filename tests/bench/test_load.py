"""The load generator: what it counts, and what it does not take for an answer."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from bench.answer import TARGET
from bench.generator import LoadError, load
from testbed.binaries import BENCH_LOAD, binary
from tests.bench.answering import BODY, GOOD, Answering

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("connections", [1, 7])
def test_every_answer_is_counted_once(tmpfs_path: Path, connections: int) -> None:
    with Answering(tmpfs_path / "sock", [GOOD + BODY]) as server:
        found = load(server.path, connections, answers=50)
    assert found.answers == found.asked == server.requests == 50
    assert found.connections == connections
    assert 0 < found.p50 <= found.p99 <= found.max <= found.seconds * 1e6
    assert found.rate == pytest.approx(found.answers / found.seconds)


@pytest.mark.parametrize("connections", [1, 2])
def test_a_time_is_the_whole_of_an_answer(tmpfs_path: Path, connections: int) -> None:
    with Answering(tmpfs_path / "sock", [GOOD, BODY], delay=0.02) as server:
        found = load(server.path, connections, answers=6)
    assert found.p50 >= 20_000  # microseconds
    assert found.rate <= connections / 0.02


def test_load_for_a_time_leaves_out_the_warm_up(tmpfs_path: Path) -> None:
    with Answering(tmpfs_path / "sock", [GOOD + BODY]) as server:
        found = load(server.path, 2, seconds=0.1)
    assert found.seconds >= 0.1
    assert found.asked > found.answers > 0


@pytest.mark.parametrize("connections", [1, 3])
def test_answers_may_come_in_pieces(tmpfs_path: Path, connections: int) -> None:
    lower = GOOD.replace(b"Content-Length", b"content-length")
    with Answering(tmpfs_path / "sock", [bytes([byte]) for byte in lower + BODY]) as server:
        assert load(server.path, connections, answers=9).answers == 9


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([GOOD.replace(b"200 OK", b"503 Busy") + BODY], 'not a 200: "HTTP/1.1 503 Busy"'),
        ([GOOD + BODY[:-1], None], "the connection ended after 118 bytes of an answer"),
        ([GOOD[:30], None], "the connection ended after 30 bytes of an answer"),
        ([None], "the connection ended after 0 bytes of an answer"),
        ([GOOD + BODY + b"!"], "1 bytes after the answer"),
        ([GOOD + BODY.replace(b"billing", b"billed!")], 'a body without "\\"billing\\""'),
        ([GOOD.replace(b"Length", b"Langth") + BODY], "no Content-Length"),
        ([GOOD.replace(b"Length: ", b"Length: -") + BODY], "a Content-Length that is no number"),
        ([GOOD.replace(b"Length: ", b"Length: 99999") + BODY], "an answer of more than"),
        ([b"HTTP/1.1 200 OK\r\nX: " + bytes(70_000)], "a head of more than"),
    ],
)
@pytest.mark.parametrize("connections", [1, 2])
def test_anything_else_than_a_whole_good_answer_ends_it(
    tmpfs_path: Path, connections: int, pieces: list[bytes | None], message: str
) -> None:
    with Answering(tmpfs_path / "sock", pieces) as server, pytest.raises(LoadError) as caught:
        load(server.path, connections, answers=9)
    assert str(caught.value).startswith(f"load: {message}")
    assert "sk-not" not in str(caught.value)


def test_a_later_answer_is_looked_at_as_the_first_one_is(tmpfs_path: Path) -> None:
    wrong = GOOD.replace(b"200 OK", b"500 Oh")
    with (
        Answering(tmpfs_path / "sock", [GOOD + BODY], [wrong + BODY]) as server,
        pytest.raises(LoadError, match="not a 200"),
    ):
        load(server.path, answers=9)


@pytest.mark.parametrize("connections", [1, 2])
def test_no_answer_ends_it(tmpfs_path: Path, connections: int) -> None:
    with Answering(tmpfs_path / "sock") as server:
        options = [f"-socket={server.path}", f"-target={TARGET}", f"-connections={connections}"]
        command = [str(binary(BENCH_LOAD)), *options, "-patience=50ms"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "load: no answer within 50ms\n"


def test_no_server(tmpfs_path: Path) -> None:
    with pytest.raises(LoadError, match=r"connect .*/none: no such file or directory"):
        load(tmpfs_path / "none")
