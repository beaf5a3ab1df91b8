"""Lines for a descriptor that may take them late, in parts, or never: real pipes, and /dev/full."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from freshkey.logs.stream import LineStream

if TYPE_CHECKING:
    from collections.abc import Callable

PIPE = 4096  # bytes, the least that a pipe may have
PATIENCE = 30.0  # seconds; a busy machine may take long


@pytest.fixture
def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
    # Left open: a stream's thread may still write to it, and its number must not become another's.
    return reader, writer


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def none_is_dropped(lines: int) -> None:
    raise AssertionError(f"{lines} lines were dropped")


class Reader:
    """Reads a pipe in a thread of its own, until its end."""

    def __init__(self, descriptor: int, portion: int = 65536) -> None:
        self.text = b""
        self._descriptor, self._portion = descriptor, portion
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while data := os.read(self._descriptor, self._portion):
            self.text += data


def test_lines_arrive_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reader = Reader(pipe[0], portion=7)
    stream = LineStream(pipe[1], on_dropped=none_is_dropped)
    for number in range(1000):
        stream.write(f"line {number}", expendable=number % 3 == 0)
    assert stream.flush(PATIENCE)
    eventually(lambda: reader.text.endswith(b"line 999\n"))
    assert reader.text.decode().splitlines() == [f"line {number}" for number in range(1000)]
    assert stream.dropped == 0


def test_a_reader_that_stopped_holds_nobody_up_and_is_told_when_it_comes_back(
    pipe: tuple[int, int],
) -> None:
    told: list[int] = []
    stream = LineStream(pipe[1], on_dropped=told.append, capacity=10_000)
    for number in range(2000):
        stream.write(f"{number:04} debug".ljust(99, "."), expendable=True)
        if number % 100 == 0:
            stream.write(f"{number:04} warning".ljust(99, "."))
    assert not stream.flush(0.0)
    reader = Reader(pipe[0])
    eventually(lambda: told)
    assert stream.flush(PATIENCE)
    eventually(lambda: reader.text.count(b"\n") + stream.dropped == 2020)
    lines = reader.text.decode().splitlines()
    assert all(len(line) == 99 for line in lines), "whole lines"
    assert lines == sorted(lines, key=lambda line: int(line[:4])), "in their order"
    assert sum("warning" in line for line in lines) == 20, "the others go first"
    assert "1999 debug" in lines[-1], "of these the oldest go first"
    assert told == [stream.dropped]


def test_what_must_stay_goes_when_nothing_else_is_left(pipe: tuple[int, int]) -> None:
    stream = LineStream(pipe[1], on_dropped=lambda _: None, capacity=1000)
    for number in range(2000):
        stream.write(f"{number:099}")
    assert stream.dropped >= 2000 - 10 - (PIPE + 64 * 1024) // 100


def test_a_line_longer_than_all_the_room_is_cut(pipe: tuple[int, int]) -> None:
    stream = LineStream(pipe[1], on_dropped=none_is_dropped, capacity=100)
    stream.write("x" * 1000)
    assert stream.flush(PATIENCE)
    assert os.read(pipe[0], 1000) == b"x" * 96 + b"...\n"


def test_what_can_not_be_encoded_is_escaped(pipe: tuple[int, int]) -> None:
    stream = LineStream(pipe[1], on_dropped=none_is_dropped)
    stream.write("\udcff")
    assert stream.flush(PATIENCE)
    assert os.read(pipe[0], 100) == b"\\udcff\n"


def test_a_closed_pipe_ends_nothing(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    stream = LineStream(pipe[1], on_dropped=lambda _: None, capacity=1000)
    for number in range(100):
        stream.write(f"{number:099}")
    assert stream.flush(PATIENCE), "it is not waited for"


def test_a_full_disk_ends_nothing() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = LineStream(descriptor, on_dropped=lambda _: None, capacity=1000)
    for number in range(100):
        stream.write(f"{number:099}")
    assert stream.flush(PATIENCE), "it is not waited for"


def test_a_descriptor_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    stream = LineStream(pipe[1], on_dropped=none_is_dropped)
    for number in range(500):
        stream.write(f"{number:099}")
    reader = Reader(pipe[0])
    assert stream.flush(PATIENCE)
    eventually(lambda: len(reader.text) == 50_000)


def test_many_threads_lose_no_line(pipe: tuple[int, int]) -> None:
    reader = Reader(pipe[0])
    stream = LineStream(pipe[1], on_dropped=none_is_dropped)

    def write() -> None:
        for _ in range(200):
            stream.write("x" * 50)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.flush(PATIENCE)
    eventually(lambda: len(reader.text) == 8 * 200 * 51)
    assert set(reader.text.splitlines()) == {b"x" * 50}
