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

from tests.simulation import __main__ as command_line
from tests.simulation import campaign
from tests.simulation.__main__ import replay, simulate
from tests.simulation.campaign import Share
from tests.simulation.histories import History, Incident, Kind, from_text, to_text
from tests.simulation.mutants import MUTANTS
from tests.simulation.story import command
from tests.simulation.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Generator

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


def test_what_is_left_when_it_is_closed_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_SHARE", 1)
    with closing(campaign.run_all(10_000, seed=1, processes=1)) as shares:
        next(shares)
        (worker,) = multiprocessing.active_children()
    while worker.exitcode is None:  # the pool's own thread may wait for it, too
        worker.join(1)
    assert worker.exitcode == -signal.SIGTERM


def test_histories_end_with_the_first_that_breaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = list[str]()

    def shares(*_: int) -> Generator[Share, None, None]:
        try:
            yield Share(Summary(), to_text(_HISTORY))
            yield Share(Summary(), None)
        finally:
            ended.append("before it is replayed")

    def replay(text: str) -> int:
        assert ended
        print(f"replayed: {text}")
        return 1

    monkeypatch.setattr(command_line, "run_all", shares)
    monkeypatch.setattr(command_line, "replay", replay)
    monkeypatch.setattr(command_line, "_STORIES", tmp_path)
    assert simulate(100, seed=1, processes=1) == 1
    assert capsys.readouterr().out.endswith(f"replayed: {to_text(_HISTORY)}\n")
    assert (tmp_path / "broken.json").read_text() == to_text(_HISTORY)


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
