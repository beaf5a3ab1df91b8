"""Faults that need more than a request: that they are what they are called."""

from __future__ import annotations

import os
import platform
import select
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from testbed.chaos import (
    clock_faults,
    file_faults,
    killed_at_steps,
    process_faults,
    tracing,
)
from testbed.chaos.scenario import Scenario
from testbed.chaos.subjects import Freshkey

if TYPE_CHECKING:
    from testbed.chaos.agent_run import AgentRun
    from testbed.chaos.outages import Outage
    from tests.testbed.chaos_runs import Run

pytestmark = pytest.mark.chaos
AHEAD = timedelta(days=40)  # in another month, whatever the day


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is missing")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="it knows the registers of x86-64")
def test_a_wall_clock_of_its_own_is_seen_by_the_agent_alone(run: Run) -> None:
    def set_forward(agent_run: AgentRun) -> None:
        before = agent_run.log.stat().st_size
        offset = agent_run.site.directory / "offset"
        offset.write_text(f"{AHEAD.total_seconds():.0f}")
        asked = datetime.now(UTC)
        agent_run.terminate()
        said = agent_run.log.read_bytes()[before:].decode()
        months = {f"{instant + AHEAD:%Y-%m-}" for instant in (asked, datetime.now(UTC))}
        found.append(any(month in said for month in months))
        agent_run.start()

    found: list[bool] = []
    run(Scenario("clock", "", 1, set_forward, prepare=clock_faults.own_clock))
    assert found == [True, True]


def test_an_output_that_nobody_reads_is_full(run: Run) -> None:
    def stop_reading(agent_run: AgentRun) -> None:
        process_faults.stop_reading_output(agent_run)
        assert agent_run.output is not None
        assert not select.select([], [agent_run.output], [], 0)[1]
        assert agent_run.log.stat().st_size, "what it said before was read"

    run(Scenario("unread", "", 1, stop_reading, prepare=process_faults.output_in_pipe))


@pytest.mark.skipif(bool(os.geteuid()), reason="mounting needs root")
@pytest.mark.parametrize("outage", [file_faults.full, file_faults.read_only])
def test_a_directory_that_takes_nothing_meanwhile(run: Run, outage: Outage) -> None:
    def inject(agent_run: AgentRun) -> None:
        other = agent_run.site.key_file.with_name("other")
        with outage(agent_run), pytest.raises(OSError, match=r"No space|Read-only"):
            other.write_bytes(bytes(8192))
        other.write_bytes(bytes(8192))

    run(Scenario("spoiled", "", 1, inject, prepare=file_faults.own_disk))


@pytest.mark.skipif(bool(os.geteuid()), reason="mounting needs root")
def test_a_disk_that_key_and_journal_have_in_common(run: Run) -> None:
    def fill(agent_run: AgentRun) -> None:
        if agent_run.subject.name == Freshkey.name:
            journal = agent_run.site.key_file.with_name("state") / "journal.json"
            content = journal.read_bytes()
            with file_faults.full(agent_run), pytest.raises(OSError, match="No space"):
                journal.with_name("other").write_bytes(content)
            filled.append(agent_run)

    filled: list[AgentRun] = []
    run(Scenario("filled", "", 1, fill, prepare=file_faults.disk_with_state))
    assert filled


@pytest.mark.skipif(
    bool(os.geteuid()) or not shutil.which("strace"), reason="needs root and strace"
)
def test_kills_come_at_the_steps_of_a_rotation(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them: the first, one of the journal, and the last."""
    all_steps = tracing.steps
    monkeypatch.setattr(tracing, "steps", lambda record: all_steps(record)[::17])
    monkeypatch.setattr(killed_at_steps, "OF_VAULT_AGENT", ("renameat",))
    scenario = Scenario(
        "killed", "", 1, killed_at_steps.kill_at_every_step, prepare=killed_at_steps.unlimited_mints
    )
    found = run(scenario)
    assert found["Freshkey"].note == "3 kills"
    assert found["Freshkey"].unserved == 0
    assert found["Freshkey"].alive_at_end == 1
    assert found["Vault Agent"].note == "1 kills"
