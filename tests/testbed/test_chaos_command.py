"""What `make chaos` says of what it found, and of what it can't run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testbed import signals
from testbed.chaos import __main__ as command
from testbed.chaos import needs, results, suite
from testbed.chaos.agent_run import AgentRunError
from testbed.chaos.scenarios import SCENARIOS
from testbed.chaos.subjects import SUBJECTS
from tests.testbed.test_chaos_figures import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.chaos.run import Results
    from testbed.chaos.scenario import Scenario


ROOT = Path(__file__).parents[2]

if TYPE_CHECKING:
    Run = Callable[..., int]


@pytest.fixture
def found() -> dict[str, Results]:
    """What the run is made to find."""
    return {name: {s.name: GOOD for s in SUBJECTS.values()} for name in SCENARIOS}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    page = tmp_path / "page.md"
    page.write_text(results.PAGE.read_text())
    monkeypatch.setattr(results, "PAGE", page)
    return page


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, found: dict[str, Results], page: Path) -> Iterator[Run]:
    """Run the command, in which no scenario runs."""

    def run_(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["chaos", *arguments])
        return command.main()

    monkeypatch.setattr(suite, "run_scenario", lambda scenario, *_: found[scenario.name])
    monkeypatch.setattr(command, "unmet", lambda _: "")
    handlers = {number: signal.getsignal(number) for number in signals.ENDING}
    yield run_
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_what_was_found_is_printed_and_written(
    run: Run, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--write") == 0
    table = results.chaos_table(
        {name: {s.name: GOOD for s in SUBJECTS.values()} for name in SCENARIOS},
        [*SUBJECTS.values()],
    )
    assert table in capsys.readouterr().out
    assert page.read_text().count(table) == 1
    assert "<!-- results: begin -->" in page.read_text(), "the other table stays"


def test_a_bound_that_does_not_hold_fails_the_run_and_is_not_written(
    run: Run, found: dict[str, Results], page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = page.read_text()
    found["steady"] = {**found["steady"], "Freshkey": replace(GOOD, longest_gap=1.0)}
    assert run("--write") == 1
    assert "FAILED: steady: longest gap: 1, where 0 is the bound" in capsys.readouterr().out
    assert page.read_text() == before


def test_vault_agent_has_no_bounds(run: Run, found: dict[str, Results]) -> None:
    found["steady"] = {**found["steady"], "Vault Agent": replace(GOOD, longest_gap=1.0)}
    assert run() == 0


@pytest.mark.parametrize("less", [["--quick"], ["--only", "steady"], ["--subject", "freshkey"]])
def test_a_part_is_not_written(run: Run, page: Path, less: list[str]) -> None:
    before = page.read_text()
    assert run("--write", *less) == 2
    assert page.read_text() == before


def test_what_this_machine_lacks_is_left_out_and_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "unmet", needs.unmet)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run("--only", "steady,killed-at-steps") == 0
    said = "chaos: killed-at-steps is left out: it needs root and strace (apt-get install strace)"
    assert said in capsys.readouterr().out
    assert run("--write") == 2


def test_a_scenario_that_does_not_exist(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--only", "steady,earthquake")
    assert ended.value.code == 2
    assert "'earthquake' is none of steady," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AgentRunError("Freshkey: no key file within 60 s"), "Freshkey: no key file within 60 s"),
        (
            subprocess.CalledProcessError(1, ["gcc", "-O2"]),
            "Command '['gcc', '-O2']' returned non-zero exit status 1.",
        ),
    ],
)
def test_what_does_not_come_is_said_in_a_line(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(suite, "run_scenario", fail)
    assert run("--only", "steady,revoked") == 1
    out = capsys.readouterr().out
    assert out.count("FAILED") == 2, "the others go on"
    assert f"FAILED: revoked: {said}\n" in out


def test_a_signal_ends_it_in_order(
    run: Run, found: dict[str, Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs is taken down, and nothing else begins."""
    ran: list[str] = []

    def run_scenario(scenario: Scenario, *rest: Any) -> Results:  # noqa: ANN401 - as they are
        ran.append(scenario.name)
        os.kill(os.getpid(), signal.SIGTERM)
        *_, stopping = rest
        while not stopping():  # the main thread handles it
            time.sleep(0.01)
        return found[scenario.name]

    monkeypatch.setattr(suite, "run_scenario", run_scenario)
    assert run("--jobs", "1") == 1
    assert len(ran) == 1


def test_the_make_target_passes_its_variables_on() -> None:
    asked = ["make", "--dry-run", "chaos", "ONLY=steady,revoked", "QUICK=1", "WRITE=1"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "-m testbed.chaos --only steady,revoked --quick --write\n" in done.stdout
