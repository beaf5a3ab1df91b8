"""The record for auditors: with the log, or in a file of its own that logrotate may move away."""

from __future__ import annotations

import io
import json
import logging
import re
import stat
import sys
import threading
from logging import INFO
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from freshkey.core.model.actions import Level, Record
from freshkey.core.model.records import audited
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Lease, Names
from freshkey.daemon.recorder import Recorder
from freshkey.host.clock import WallClock
from freshkey.logs.audit import Audit
from freshkey.logs.audit_file import AuditFile, NotTakenError
from freshkey.logs.redact import add_secret
from freshkey.logs.setup import configure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


def read(audit: Audit, event: str, **fields: object) -> None:
    """Record one read, in as many parts as it has fields."""
    audit.read(event, *(audit.part(**{name: value}) for name, value in fields.items()))
    audit.flush()


def test_without_a_file_it_goes_with_the_log_whatever_the_level(stream: io.StringIO) -> None:
    audit = Audit()
    audit.event("key.minted", key="billing")
    read(audit, "key.read", key="billing", outcome="served")
    told = lines(stream.getvalue())
    assert [(line["event"], line["key"]) for line in told] == [
        ("key.minted", "billing"),
        ("key.read", "billing"),
    ]
    assert all(line["timestamp"].endswith("Z") for line in told)
    assert told[1]["outcome"] == "served"


def test_a_console_shows_reads_as_all_else(stream: io.StringIO) -> None:
    configure("error", "console", stream)
    read(Audit(), "key.read", key="billing", outcome="served")
    assert re.search(r"key\.read +key=billing outcome=served", stream.getvalue())


def test_with_a_file_reads_stay_out_of_the_log(stream: io.StringIO, tmp_path: Path) -> None:
    path = tmp_path / "audit"
    audit = Audit(path)
    audit.event("key.published", key="billing", detail=KEY)
    read(audit, "key.read", key="billing", executable=f"/{KEY}", outcome="served")
    assert [line["event"] for line in lines(path.read_text())] == ["key.published", "key.read"]
    assert [line["event"] for line in lines(stream.getvalue())] == ["key.published"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.read_text()


def test_a_read_looks_as_structlog_would_write_it(stream: io.StringIO, tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    fields = {"pid": 1, "executable": "/bin/k\u00fc\n", "unit": None, "outcome": "served"}
    read(audit, "key.read", **fields)
    audit.event("key.read", INFO, **fields)
    first, second = ((tmp_path / "audit").read_text()).splitlines()
    assert list(json.loads(first)) == list(json.loads(second))
    assert first[len(first.partition(",")[0]) :] == second[len(second.partition(",")[0]) :]
    assert len(json.loads(first)["timestamp"]) == len(json.loads(second)["timestamp"])


def test_a_secret_is_masked_before_what_clients_say_is_cut(tmp_path: Path) -> None:
    """A key of any look that somebody sends in the place of a name."""
    secret = Secret("0123456789abcdef" * 32)
    add_secret(secret)
    audit = Audit(tmp_path / "audit")
    read(audit, "key.read", key=secret.reveal(), outcome="unknown_key")
    read(audit, "key.read", key="x" * 5000, outcome="unknown_key")
    masked, cut = lines((tmp_path / "audit").read_text())
    assert (masked["key"], cut["key"]) == ("***", "x" * 256)


def test_in_the_log_events_stay_in_order(stream: io.StringIO, tmp_path: Path) -> None:
    for audit in (Audit(), Audit(tmp_path / "missing" / "audit")):
        audit.read("one", audit.part(key="billing"))
        audit.event("two", key="billing")
        told = [line["event"] for line in lines(stream.getvalue())]
        assert told[-2:] == ["one", "two"]


def test_reads_are_written_together_and_before_what_follows_them(
    stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit"
    audit = Audit(path)
    written: list[int] = []
    append = AuditFile.append

    def count(file: AuditFile, events: Sequence[bytes]) -> None:
        written.append(len(events))
        append(file, events)

    monkeypatch.setattr(AuditFile, "append", count)
    for name in ("one", "two", "three"):
        audit.read(name, audit.part(key="billing"))
    assert not path.exists()
    audit.event("four", key="billing")
    audit.flush()
    assert [line["event"] for line in lines(path.read_text())] == ["one", "two", "three", "four"]
    assert written == [3, 1]


def test_what_the_file_does_not_take_goes_to_the_log(
    stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshkey.logs.audit_file._RETRY_AFTER", 0)
    monkeypatch.setattr("freshkey.logs.audit._STEADY_AFTER", 0)
    directory = tmp_path / "later"
    audit = Audit(directory / "audit")
    read(audit, "one", key="a")
    audit.event("two")
    read(audit, "three", key="a")
    directory.mkdir()
    read(audit, "four", key="a")
    told = lines(stream.getvalue())
    assert [line["event"] for line in told] == [
        "audit.failed",
        "one",
        "two",
        "three",
        "audit.recovered",
    ]
    assert told[0]["file"] == str(directory / "audit")
    assert told[0]["error"] == "No such file or directory"
    assert [line["event"] for line in lines((directory / "audit").read_text())] == ["four"]


def test_a_file_that_works_by_turns_is_told_of_once(
    stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, now = AuditFile.append, 100.0

    def by_turns(file: AuditFile, events: Sequence[bytes]) -> None:
        if now < 130 and int(now) % 2:
            raise NotTakenError("No space left on device", rest=len(events))
        append(file, events)

    monkeypatch.setattr(AuditFile, "append", by_turns)
    monkeypatch.setattr("time.monotonic", lambda: now)
    audit = Audit(tmp_path / "audit")
    while now < 140:
        read(audit, "key.read", key="billing")
        now += 1
    told = [line["event"] for line in lines(stream.getvalue()) if line["event"] != "key.read"]
    assert told == ["audit.failed", "audit.recovered"]


def test_of_reads_that_are_written_together_the_log_gets_those_that_do_not_fit(
    stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path / "audit")
    for name in ("one", "two", "three"):
        audit.read(name, audit.part(key="billing"))

    def refuse(*_: object) -> None:
        raise NotTakenError("No space left on device", rest=2)

    monkeypatch.setattr(AuditFile, "append", refuse)
    audit.flush()
    told = [line["event"] for line in lines(stream.getvalue())]
    assert told == ["audit.failed", "two", "three"]


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
