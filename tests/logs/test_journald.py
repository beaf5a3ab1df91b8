"""Entries for systemd's journal, read by a socket of the test's own as journald would."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from freshkey.logs import journald
from freshkey.logs.stream import LineStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLISHED = {
    "timestamp": "2026-11-29T12:00:00Z",
    "level": "warning",
    "event": "key.published",
    "key": "billing",
    "generation": 7,
    "stale": False,
    "files": ["a", "b"],
    "fault": None,
    "message": 'two\nlines and "quotes"',
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"{tmp_path}/journal")
        listening.settimeout(10)
        yield listening


def entry(data: bytes) -> dict[str, str]:
    """Parse an entry, as the protocol's page says."""
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", data[:8])
            value, end = data[8 : 8 + length], data[8 + length : 9 + length]
            assert end == b"\n"
            data = data[9 + length :]
        fields[name.decode()] = value.decode()
    return fields


def written(journal: socket.socket, *lines: str) -> str:
    """Write lines through a stream to a pipe and the journal; return what came out of the pipe."""
    reader, writer = os.pipe()
    stream = LineStream(writer, on_dropped=lambda _: None)
    with closing(journald.Journal(journal.getsockname())) as there:
        stream.write_with(there.write)
        for line in lines:
            stream.write(line)
        assert stream.flush(10)
    os.close(writer)
    with os.fdopen(reader) as file:
        return file.read()


def test_an_event_has_its_fields_and_a_line_for_people(journal: socket.socket) -> None:
    assert written(journal, json.dumps(PUBLISHED)) == ""
    fields = entry(journal.recv(65536))
    assert fields == {
        "MESSAGE": "key.published key=billing generation=7 stale=false "
        r'files="[\"a\", \"b\"]" fault=null message="two\nlines and \"quotes\""',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "freshkey",
        "SYSLOG_FACILITY": "3",
        "FRESHKEY_TIMESTAMP": "2026-11-29T12:00:00Z",
        "FRESHKEY_LEVEL": "warning",
        "FRESHKEY_EVENT": "key.published",
        "FRESHKEY_KEY": "billing",
        "FRESHKEY_GENERATION": "7",
        "FRESHKEY_STALE": "false",
        "FRESHKEY_FAULT": "null",
        "FRESHKEY_FILES": '["a", "b"]',
        "FRESHKEY_MESSAGE": 'two\nlines and "quotes"',
    }


def test_a_traceback_follows_the_line(journal: socket.socket) -> None:
    written(journal, json.dumps({"level": "error", "event": "crash", "exception": "a\nb"}))
    assert entry(journal.recv(65536))["MESSAGE"] == "crash\na\nb"


def test_a_name_that_no_field_may_have_is_changed(journal: socket.socket) -> None:
    written(journal, json.dumps({"level": "info", "event": "e", "x-y": 1, "long" * 30: 2}))
    names = set(entry(journal.recv(65536)))
    assert {"FRESHKEY_X_Y", f"FRESHKEY_{'LONG' * 30}"[:64]} < names


def test_events_come_in_their_order(journal: socket.socket) -> None:
    lines = [json.dumps({"level": "info", "event": f"event.{number}"}) for number in range(5)]
    assert written(journal, *lines) == ""
    received = [entry(journal.recv(65536))["FRESHKEY_EVENT"] for _ in range(5)]
    assert received == [f"event.{number}" for number in range(5)]


@pytest.mark.parametrize(
    "line", ["freshkey: interrupted", "{}", "[1]", '"x"', '{"level": "none", "event": "e"}', "{"]
)
def test_other_lines_go_where_they_went(line: str, journal: socket.socket) -> None:
    assert written(journal, line) == f"{line}\n"


def test_what_the_journal_does_not_take_goes_to_standard_error(journal: socket.socket) -> None:
    large = json.dumps({"level": "info", "event": "e", "text": "x" * 400_000})
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with closing(journald.Journal(journal.getsockname())) as there:
        assert 0 < there.write(writer, large.encode()) < len(large), "the rest is written later"
    assert os.read(reader, 400_000).startswith(b'{"level"')
    line = json.dumps(PUBLISHED)
    with closing(journald.Journal("/nowhere/journal")) as there:
        assert there.write(writer, line.encode()) == len(line)
    assert os.read(reader, 400_000) == line.encode()
    os.close(reader)
    os.close(writer)


def test_what_went_out_is_told_before_a_line_that_may_fail(journal: socket.socket) -> None:
    events = [json.dumps({"level": "info", "event": f"event.{number}"}) for number in range(2)]
    data = "\n".join([*events, "no event", ""]).encode()
    closed = os.open("/dev/full", os.O_WRONLY)
    with closing(journald.Journal(journal.getsockname())) as there:
        done = there.write(closed, data)
        assert data[done:] == b"no event\n"
        with pytest.raises(OSError, match="No space"):
            there.write(closed, data[done:])
    os.close(closed)


BEHIND = """
import os, sys
from freshkey.logs import standard_error
told = os.fstat(2)
os.environ["JOURNAL_STREAM"] = sys.argv[1] or f"{told.st_dev}:{told.st_ino}"
os.environ["SYSTEMD_EXEC_PID"] = sys.argv[2] or f"{os.getpid()}"
print(standard_error.is_journal(), standard_error.is_service())
standard_error.tell("a line")
"""


@pytest.mark.parametrize(
    ("stream", "pid", "found", "told"),
    [
        ("", "", "True True", "<3>a line"),
        ("", "1", "True False", "<3>a line"),  # a child of the process that systemd started
        ("1:2", "", "False True", "a line"),  # standard error was sent elsewhere since
        ("nonsense", "", "False True", "a line"),
    ],
)
def test_the_journal_is_told_from_other_streams(
    stream: str, pid: str, found: str, told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEHIND, stream, pid], capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip(), done.stderr.strip()) == (found, told)
