"""Behaviour 13 with the real agent: whatever becomes of the audit file, keys go on."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.harness import eventually
from tests.agent.reconfiguring import mint_without_limit
from tests.support.mounting import small_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.agent.harness import Agent, Engine

STOP = 5.0  # seconds, by the contract
READ = 5.0  # seconds for a read on a machine with other work; usual is under a millisecond


@pytest.fixture
def audit_file(tmpfs_path: Path) -> Path:
    """Where it is to be, on a file system of its own that is small."""
    point = tmpfs_path / "audit"
    point.mkdir()
    return point / "record"


@pytest.fixture
def disk(audit_file: Path) -> Iterator[Path]:
    """Put a file system of a megabyte there."""
    with small_disk(audit_file.parent, "1m") as point:
        yield point


@pytest.fixture
def audited(engine: Engine, make_agent: Callable[..., Agent], audit_file: Path) -> Agent:
    """An agent that logs all it can, and replaces its key every second."""
    engine.set_ttl("2s")
    extra = f'[log]\nlevel = "debug"\naudit_file = "{audit_file}"'
    agent = make_agent(extra=extra, overlap='"1s"', check_every='"1s"')
    mint_without_limit(agent)
    return agent


def events(path: Path) -> list[dict[str, Any]]:
    """Every line of a record; none of them is torn."""
    content = path.read_text()
    assert content.endswith("\n")
    return [json.loads(line) for line in content.splitlines()]


def tags(records: list[dict[str, Any]], event: str) -> list[str]:
    return [record["tag"] for record in records if record["event"] == event]


def rotates(agent: Agent, engine: Engine) -> str:
    """See it replace its key, and answer in time until then; return the new tag."""
    tag: str = agent.wait_for_key()["tag"]

    def replaced() -> str | None:
        started = time.monotonic()
        key = agent.key()
        assert time.monotonic() - started < READ
        return key["tag"] if key and key["tag"] != tag else None

    found = eventually(replaced, "another key")
    assert engine.works(agent.key_file.read_text())
    return found


def ends(agent: Agent) -> None:
    started = time.monotonic()
    assert agent.end() == 0
    assert time.monotonic() - started < STOP


def test_every_read_is_in_it_and_none_in_the_log(
    audited: Agent, engine: Engine, audit_file: Path
) -> None:
    audited.start()
    first = audited.wait_for_key()["tag"]
    second = rotates(audited, engine)
    ends(audited)
    record = events(audit_file)
    assert {first, second} <= set(tags(record, "key.read"))
    assert {first, second} <= set(tags(record, "key.published"))
    assert not audited.logged("key.read")
    assert audited.told("key.published")


def copy_and_truncate(path: Path, target: Path) -> None:
    shutil.copy(path, target)
    os.truncate(path, 0)


@pytest.mark.parametrize("rotate", [os.rename, copy_and_truncate])
def test_logrotate(
    audited: Agent, engine: Engine, audit_file: Path, rotate: Callable[[Path, Path], None]
) -> None:
    moved = audit_file.with_suffix(".1")
    audited.start()
    first = audited.wait_for_key()["tag"]
    rotate(audit_file, moved)
    second = rotates(audited, engine)
    ends(audited)
    assert first in tags(events(moved), "key.read")
    assert second in tags(events(audit_file), "key.read")
    assert not audited.logged("audit.failed")


def test_a_full_disk_sends_reads_to_the_log(
    audited: Agent, engine: Engine, audit_file: Path, disk: Path
) -> None:
    audited.start()
    audited.wait_for_key()
    (disk / "filler").write_bytes(b"x" * (1024 - 12) * 1024)  # all but a few pages

    def is_full() -> bool:
        for _ in range(10):
            assert audited.key()
        return bool(audited.logged("audit.failed"))

    eventually(is_full, "the disk is full")
    logged = rotates(audited, engine)
    (disk / "filler").unlink()
    eventually(lambda: audited.key() and audited.logged("audit.recovered"), "there is room")
    ends(audited)
    failed = audited.logged("audit.failed")  # short lines may still fit, long ones not
    assert {event["error"] for event in failed} == {"No space left on device"}
    assert len(failed) == len(audited.logged("audit.recovered"))
    record = events(audit_file)
    assert logged in tags(audited.log(), "key.read")
    served = [line for line in (*record, *audited.log()) if line["event"] == "key.read"]
    assert len({line["timestamp"] for line in served}) == len(served), "each is told once"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
def test_one_that_becomes_something_else(
    audited: Agent, engine: Engine, audit_file: Path, make: Callable[[Path], None]
) -> None:
    audited.start()
    audited.wait_for_key()
    audit_file.rename(audit_file.with_suffix(".1"))
    make(audit_file)
    eventually(lambda: audited.key() and audited.logged("audit.failed"), "that is told")
    logged = rotates(audited, engine)
    audit_file.rename(audit_file.with_suffix(".odd"))
    eventually(lambda: audited.key() and audited.logged("audit.recovered"), "it is made anew")
    recorded = rotates(audited, engine)
    ends(audited)
    (failed,) = audited.logged("audit.failed")
    assert (failed["file"], failed["error"].partition(":")[0]) == (
        str(audit_file),
        "it is not a regular file",
    )
    assert logged in tags(audited.log(), "key.read")
    assert recorded in tags(events(audit_file), "key.read")
    assert recorded not in tags(audited.log(), "key.read")


def test_a_pipe_is_refused_at_the_start(audited: Agent, audit_file: Path) -> None:
    os.mkfifo(audit_file)
    for command in ("check", "run", "once"):
        done = audited.command(command)
        assert done.returncode == 2
        assert done.stderr == (
            "log.audit_file: is not a regular file: name another path, or remove it\n"
        )
