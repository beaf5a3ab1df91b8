"""The record for auditors: with the log, or in a file of its own that logrotate may move away."""

from __future__ import annotations

import io
import json
import logging
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.records import audited
from freshkey.core.model.state import Lease, Names
from freshkey.daemon.recorder import Recorder
from freshkey.host.clock import WallClock
from freshkey.logs.audit import Audit
from freshkey.logs.setup import configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-svcacct-0123456789abcdef"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A log that tells errors only; all that configure() changes is put back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook
    stream = io.StringIO()
    configure("error", "json", stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
    root.setLevel(level)
    structlog.reset_defaults()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_without_a_file_it_goes_with_the_log_whatever_the_level(stream: io.StringIO) -> None:
    audit = Audit()
    audit.event("key.minted", key="billing")
    audit.read("key.read", key="billing", outcome="served")
    told = lines(stream.getvalue())
    assert [(line["event"], line["key"]) for line in told] == [
        ("key.minted", "billing"),
        ("key.read", "billing"),
    ]
    assert all(line["timestamp"].endswith("Z") for line in told)


def test_with_a_file_reads_stay_out_of_the_log(stream: io.StringIO, tmp_path: Path) -> None:
    path = tmp_path / "audit"
    audit = Audit(path)
    audit.event("key.published", key="billing", detail=KEY)
    audit.read("key.read", key="billing")
    assert [line["event"] for line in lines(path.read_text())] == ["key.published", "key.read"]
    assert [line["event"] for line in lines(stream.getvalue())] == ["key.published"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.read_text()


def test_a_file_that_was_moved_away_is_made_anew(stream: io.StringIO, tmp_path: Path) -> None:
    path = tmp_path / "audit"
    audit = Audit(path)
    audit.read("one")
    path.rename(tmp_path / "audit.1")
    audit.read("two")
    audit.read("three")
    assert [line["event"] for line in lines((tmp_path / "audit.1").read_text())] == ["one"]
    assert [line["event"] for line in lines(path.read_text())] == ["two", "three"]
    assert stream.getvalue() == ""


def test_what_the_file_does_not_take_goes_to_the_log(stream: io.StringIO, tmp_path: Path) -> None:
    directory = tmp_path / "later"
    audit = Audit(directory / "audit")
    audit.read("one")
    audit.read("two")
    directory.mkdir()
    audit.read("three")
    told = [line["event"] for line in lines(stream.getvalue())]
    assert told == ["audit.failed", "one", "two", "audit.recovered"]
    assert [line["event"] for line in lines((directory / "audit").read_text())] == ["three"]


def test_a_full_disk_loses_nothing(stream: io.StringIO, tmp_path: Path) -> None:
    (tmp_path / "audit").symlink_to("/dev/full")  # not followed: nor would it be a record
    Audit(tmp_path / "audit").read("one")
    assert [line["event"] for line in lines(stream.getvalue())] == ["audit.failed", "one"]


def test_instants_are_told_as_times(stream: io.StringIO) -> None:
    clock = WallClock(wall=lambda: 1_893_456_000.0, boot=lambda: 100.0)
    recorder = Recorder(Audit(), clock)
    lease = Lease("id", 1, 60.0, False, 100.0, 160.0, 0.5, names=Names("1-aa", "key_1", "svc"))  # noqa: FBT003 - renewable
    recorder.record(audited("key.minted", "billing", lease, expires_at=160.0))
    recorder.record(Record(Level.INFO, "vault.back", ()))
    (line,) = lines(stream.getvalue())
    assert line["not_after"] == "2030-01-01T00:01:00Z"
    assert (line["tag"], line["lease_id"], line["api_key_id"]) == ("1-aa", "id", "key_1")
    assert "expires_at" not in line
