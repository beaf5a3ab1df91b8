"""The load generator for a gateway, and the upstream behind it: what counts as a good answer."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from bench.gateway_generator import requests, streams, upstream
from bench.generator import LoadError
from testbed.binaries import BENCH_GATEWAY_LOAD, binary
from tests.bench.answering import Answering

if TYPE_CHECKING:
    from pathlib import Path

BODY = b'{"usage":{"total_tokens":7}}'
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(number: int) -> bytes:
    return b'data: {"delta":"x","sequence":%d,"sent":%d}\n\n' % (number, 1)


def stream(*events: bytes) -> bytes:
    return CHUNKED + b"".join(map(chunk, events)) + chunk(b"")


GOOD_STREAM = stream(event(0), event(1), b'data: {"usage":{}}\n\n', DONE)


@pytest.mark.parametrize("connections", [1, 7])
def test_requests_are_answered_and_counted(tmp_path: Path, connections: int) -> None:
    with upstream(tmp_path / "log") as (_, address):
        found = requests(address, connections, seconds=0.2)
    assert found.connections == connections
    assert found.asked > found.answers + connections, "the warm-up is not counted"
    assert found.answers > 0
    assert found.rate == pytest.approx(found.answers / found.seconds)
    assert 0 < found.latency.p50 <= found.latency.p99 <= found.latency.max


def test_streams_bring_every_event(tmp_path: Path) -> None:
    with upstream(tmp_path / "log") as (_, address):
        found = streams(address, 20, events=200, rate=100, ramp=1.0, size=5000)
    assert (found.streams, found.events) == (20, 4000)
    assert 0 < found.counted < 4000, "those of the ramp are not counted"
    assert found.seconds >= 199 / 100
    assert 0 < found.lateness.p50 <= found.lateness.p99 <= found.lateness.max
    assert found.first.p50 > 0


def test_streams_without_a_rate_come_as_fast_as_they_can(tmp_path: Path) -> None:
    with upstream(tmp_path / "log") as (_, address):
        found = streams(address, 2, events=10_000, rate=0, ramp=0)
    assert found.events == 20_000


@pytest.mark.parametrize("answer", [LENGTH + BODY, CHUNKED + chunk(BODY[:9]) + chunk(BODY[9:])])
@pytest.mark.parametrize("bytewise", [False, True])
def test_an_answer_may_come_in_pieces(tmpfs_path: Path, answer: bytes, *, bytewise: bool) -> None:
    whole = answer if answer.startswith(LENGTH) else answer + chunk(b"")
    pieces = [bytes([byte]) for byte in whole] if bytewise else [whole]
    with Answering(tmpfs_path / "sock", pieces) as server:
        assert requests(server.path, 2, seconds=1.0).answers > 0


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_stream_may_come_in_pieces(tmpfs_path: Path, *, bytewise: bool) -> None:
    pieces = [bytes([byte]) for byte in GOOD_STREAM] if bytewise else [GOOD_STREAM]
    with Answering(tmpfs_path / "sock", pieces) as server:
        assert streams(server.path, 2, events=2, rate=1000, ramp=0).events == 4


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([LENGTH.replace(b"200", b"503") + BODY], 'not a 200: "HTTP/1.1 503 OK"'),
        ([b"nonsense"], 'not a 200: "nonsense"'),
        ([LENGTH + BODY[:-1], None], "the connection ended in the middle"),
        ([LENGTH + BODY + b"!"], "1 bytes after the answer"),
        ([LENGTH + BODY.replace(b"usage", b"usuge")], "a body without"),
        ([LENGTH.replace(b"Length: ", b"Length: -") + BODY], "a Content-Length that is no number"),
        ([LENGTH.replace(b"Length", b"Langth") + BODY], "neither Content-Length nor"),
        ([CHUNKED + b"xyz\r\n"], 'not the size of a chunk: "xyz"'),
        ([CHUNKED + b"1\r\nab\r\n"], "a chunk that is longer than it says"),
    ],
)
def test_anything_else_than_a_good_answer_ends_it(
    tmpfs_path: Path, pieces: list[bytes | None], message: str
) -> None:
    with Answering(tmpfs_path / "sock", pieces) as server, pytest.raises(LoadError) as caught:
        requests(server.path, 2, seconds=60)
    assert str(caught.value).startswith(f"gateway-load: {message}")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (stream(event(0), DONE), "it ended after 1 of 2 events"),
        (stream(event(0), event(1)), "it ended after 2 of 2 events"),
        (stream(event(0), event(2), DONE), "event 2 where 1 is due"),
        (stream(event(0), event(0), DONE), "event 0 where 1 is due"),
        (stream(event(0), event(1), DONE, event(2)), "an event after the last one"),
        (stream(event(0), event(1), event(2), DONE), "it ended after 3 of 2 events"),
        (stream(event(0), event(1), DONE[:-1]), "it ended after 2 of 2 events"),
        (stream(event(0), b"error: x\n\n", DONE), 'not an event: "error: x"'),
    ],
)
def test_a_stream_that_is_not_whole_ends_it(tmpfs_path: Path, answer: bytes, message: str) -> None:
    with Answering(tmpfs_path / "sock", [answer]) as server, pytest.raises(LoadError) as caught:
        streams(server.path, 1, events=2, rate=1000, ramp=0)
    assert str(caught.value) == f"gateway-load: stream 0: {message}"


@pytest.mark.parametrize("kind", ["requests", "streams"])
def test_silence_ends_it(tmpfs_path: Path, kind: str) -> None:
    with Answering(tmpfs_path / "sock") as server:
        command = [str(binary(BENCH_GATEWAY_LOAD)), kind, f"-address={server.path}"]
        done = subprocess.run(
            [*command, "-patience=50ms", *(["-streams=2", "-ramp=0"] if kind == "streams" else [])],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("gateway-load: silence")


def test_no_server(tmpfs_path: Path) -> None:
    with pytest.raises(LoadError, match=r"connect .*/none: no such file or directory"):
        requests(tmpfs_path / "none")


def test_the_answers_have_the_usage_that_a_gateway_counts(tmp_path: Path) -> None:
    with upstream(tmp_path / "log") as (_, address):
        url = f"http://{address}/v1/chat/completions"
        plan = {"model": "bench", "stream": True, "events": 2, "rate": 0}
        answer, streamed = (
            httpx.post(url, json=body, trust_env=False).text for body in ({"model": "bench"}, plan)
        )
    assert json.loads(answer)["usage"]["total_tokens"] == 7
    *_, usage, done = streamed.strip().split("\n\n")
    assert json.loads(usage.removeprefix("data: "))["usage"]["completion_tokens"] == 2
    assert done == "data: [DONE]"
