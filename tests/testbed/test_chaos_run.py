"""Scenarios of a few seconds, with all that is real: that faults reach both agents, and show."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from testbed.chaos import vault_faults
from testbed.chaos.agent_run import AgentRun, AgentRunError
from testbed.chaos.scenario import Scenario
from testbed.recording_proxy import health

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.chaos_runs import Run

pytestmark = pytest.mark.chaos


def test_a_revoked_lease_is_replaced_by_one_and_missed_by_the_other(
    run: Run, tmp_path: Path
) -> None:
    found = run(Scenario("revoked", "", 20, vault_faults.revoke_lease, lease=300))
    ours, theirs = found["Freshkey"], found["Vault Agent"]
    assert 0 < ours.longest_gap < 15  # it looks every 2 s
    assert theirs.longest_gap > 15  # all the time
    assert (ours.minted, theirs.minted) == (2, 1)
    assert (ours.alive_at_end, theirs.alive_at_end) == (1, 0)
    assert ours.vault_calls > theirs.vault_calls
    assert 100 < ours.looks <= 50 * ours.seconds + 1
    assert (tmp_path / "revoked" / "vault agent" / "agent.log").stat().st_size


def test_servers_of_its_own_break_for_each_agent(run: Run) -> None:
    def seal(agent_run: AgentRun) -> None:
        with vault_faults.sealed(agent_run):
            assert health(agent_run.site.servers.vault.port) == 503
            ports.add(agent_run.site.servers.vault.port)
        assert health(agent_run.site.servers.vault.port) == 200

    ports: set[int] = set()
    run(Scenario("sealed", "", 1, seal, apart=True))
    assert len(ports) == 2


def test_an_agent_that_ends_by_itself_is_started_again(run: Run) -> None:
    def end(agent_run: AgentRun) -> None:
        os.kill(agent_run.process.pid, signal.SIGTERM)

    # It takes two seconds on an idle machine; no key is replaced meanwhile.
    found = run(Scenario("ended", "", 15, end, lease=300))
    assert [figures.exits for figures in found.values()] == [1, 1]
    assert [figures.minted for figures in found.values()] == [1, 2]


def test_a_reader_that_ends_is_no_figure(run: Run) -> None:
    def end_reader(agent_run: AgentRun) -> None:
        agent_run.reader.kill()

    with pytest.raises(AgentRunError, match="the reader ended by itself"):
        run(Scenario("blind", "", 1, end_reader))
