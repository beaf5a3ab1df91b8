"""`python -m tests.simulation`: figures, and a story that can be replayed, the same each time."""

from __future__ import annotations

import multiprocessing
import shlex
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.__main__ import replay, simulate
from tests.simulation.campaign import run_all
from tests.simulation.histories import History, Incident, Kind, from_text, to_text
from tests.simulation.mutants import MUTANTS
from tests.simulation.story import command

if TYPE_CHECKING:
    import pytest

_ROOT = Path(__file__).parents[2]
_REVOKED = Incident(Kind.LEASE_REVOKED, 100.0)
_HISTORY = History(seconds=400.0, reports=False, incidents=(_REVOKED,))


def test_it_prints_what_many_histories_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(3, seed=1, processes=1) == 0
    printed = capsys.readouterr().out
    assert "seed:               1\n" in printed
    assert "histories:          3\n" in printed
    assert "a working key:      " in printed
    assert "excused:            " in printed
    assert "unexcused:          0.000 s" in printed
    assert "violations:         0\n" in printed


def test_the_histories_after_one_that_broke_are_not_waited_for() -> None:
    with closing(run_all(1000, seed=1, processes=1)) as shares:
        next(shares)
        (worker,) = multiprocessing.active_children()
    worker.join()
    assert worker.exitcode == -signal.SIGTERM


def test_make_simulates() -> None:
    command = ["make", "--dry-run", "simulate", "HISTORIES=3", "SEED=5"]
    made = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_ROOT).stdout
    assert "python -m tests.simulation --histories 3 --seed 5" in made


def test_make_replays() -> None:
    story = [*shlex.split(command(_HISTORY)), "--dry-run"]
    made = subprocess.run(story, check=True, capture_output=True, text=True, cwd=_ROOT).stdout
    (line,) = [line for line in made.splitlines() if "tests.simulation" in line]
    assert from_text(shlex.split(line)[-1]) == _HISTORY


def test_make_tries_the_mutants() -> None:
    command = ["make", "--dry-run", "test-simulation"]
    made = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_ROOT).stdout
    assert "-m pytest -m simulation" in made


def test_a_replay_tells_the_same_story_in_another_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--replay", to_text(_HISTORY)]
    first, second = (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)
    )
    assert first == second
    assert "*** lease revoked" in first
    assert "key.replacement_wanted key=alpha reason=revoked" in first
    assert "Nothing broke." in first


def test_what_broke_is_told_with_the_command_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutant = next(one for one in MUTANTS if one.name == "logs a key")
    with mutant.applied():
        assert replay(to_text(_HISTORY)) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("BROKEN  invariant 5: a secret is told")
    told = printed.splitlines()[-1]
    assert told == f"once more: {command(_HISTORY)}"
