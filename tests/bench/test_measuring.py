"""What `make bench` measures is what it says: each with an agent of this tree, and little of it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.settings import load

from bench.deployment import Deployment
from bench.figures import delivery, leases, phases, rest, rotations
from bench.program import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(sys.executable).parent
FEW = 3


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with Deployment() as running:
        yield running


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("bench", "-m bench.side_by_side"),
        ("bench ONLY=start,reads", "-m bench.side_by_side --only start,reads"),
        ("bench WRITE=1", "-m bench.side_by_side --write"),
        ("bench-gate", "-m bench.gate"),
    ],
)
def test_a_target_runs_its_program(target: str, command: str) -> None:
    told = subprocess.run(
        ["make", "--dry-run", *target.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    words = told.stdout.splitlines()[-1].split()[1:]
    assert words == command.split()
    program = [sys.executable, *words, "--help"]
    assert subprocess.run(program, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_mints_and_keys_that_live_are_counted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "READS", FEW)
    monkeypatch.setattr(leases, "RESTARTS", FEW)
    found = leases.measure(deployment, PROGRAMS)
    assert (found.freshkey, found.listener) == (1, FEW)
    assert (found.alive, found.vault_agent_alive) == (1, 1 + FEW)


def test_a_delivery_begins_with_vaults_answer(deployment: Deployment) -> None:
    processors = sorted(os.sched_getaffinity(0))
    found = delivery.measure(deployment, PROGRAMS, (processors[0], processors[-1]), 1)
    # No later than a program that waits for 30 s gives up, and not before the answer.
    assert all(0 < milliseconds < 30_000 for milliseconds in (*found.file, *found.watchers))


def test_the_phases_of_a_start_are_in_its_log(deployment: Deployment) -> None:
    (start,) = phases.measure(deployment, PROGRAMS, 1)
    assert [phase.name for phase in start.phases] == ["interpreter", *phases.ENDS.values()]
    assert all(phase.took > 0 for phase in start.phases)
    assert start.imports["trio"] > 0


def test_memory_is_that_of_both(deployment: Deployment) -> None:
    (memory,) = rest.measure_memory(deployment, PROGRAMS, 1, settled=0)
    for resident, proportional in zip(memory.resident, memory.proportional, strict=True):
        assert 1024 < proportional <= resident


def test_one_of_the_agents_at_rest_checks_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "SETTLED", 0)
    with ExitStack() as stack:
        assert rest.AtRest(deployment, PROGRAMS, stack).processor(0.1).seconds >= 0.1
    made = deployment.directory("beside").parent
    for name, checks in {"rest": (60.0, 300.0), "rest-unchecked": (0.0, 0.0)}.items():
        key = load(made / name / "config.toml", {}).keys["billing"]
        assert (key.check_every, key.verify.probe_every) == checks


def test_rotations_in_accelerated_time_leave_nothing_behind(deployment: Deployment) -> None:
    found = rotations.measure(deployment, PROGRAMS, 2000)
    assert [*found] == [1000, 2000]
    assert rotations.figure(found).met
