"""What `make bench WRITE=1` takes for a run that may be committed."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench import report, side_by_side
from bench.figures import record as recording
from bench.figures.figure import Figure
from bench.figures.record import IN_README
from bench.installed import describe
from bench.side_by_side import FLEET, NAMES, Bench, Measured

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., int]

MEASURED = Measured([Figure(key, key, "", [1.0], "Vault Agent", [2.0]) for key in IN_README])


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return what is committed, in copies that may be written."""
    places = {
        "FIGURES": recording.FIGURES,
        "README": recording.README,
        "PICTURE": recording.PICTURE,
        "PAGE": report.PAGE,
    }
    for name, page in places.items():
        (tmp_path / name).write_bytes(page.read_bytes())
        monkeypatch.setattr(report if name == "PAGE" else recording, name, tmp_path / name)
    return lambda: [(tmp_path / name).read_text() for name in places]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command, in which nothing is measured."""

    def run_(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        return side_by_side.main()

    for name in NAMES:
        monkeypatch.setattr(Bench, name, lambda _: Measured([]))
    monkeypatch.setattr(Bench, "start", lambda _: MEASURED)
    monkeypatch.setattr(side_by_side, "Deployment", nullcontext)
    monkeypatch.setattr(side_by_side, "install", lambda _: Path(sys.executable).parent)
    monkeypatch.setattr(side_by_side, "describe", lambda _: "Python 3.11.2")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    return run_


def test_a_whole_run_is_written(run: Run, pages: Callable[[], list[str]]) -> None:
    before = pages()
    assert run("--write") == 0
    assert all(old != new for old, new in zip(before, pages(), strict=True))


def test_it_says_where_a_fleets_figures_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--only", "start") == 0
    assert capsys.readouterr().out.endswith(f"\n\n{FLEET}")
    assert f"\n\n{FLEET}\n<!-- bench: end -->" in report.PAGE.read_text()
    assert run("--only", "start", "--json") == 0
    json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "less",
    [
        ["--only", "start"],
        ["--rounds", "3"],
        ["--rotations", "2000", "--rests", "1"],
        ["--python", "/none"],
    ],
)
def test_less_is_refused_before_it_is_measured(
    run: Run,
    pages: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    less: list[str],
) -> None:
    before = pages()
    monkeypatch.setattr(side_by_side, "install", pytest.fail)
    assert run("--write", *less) == 2
    said = f"bench: --write takes all parts with the defaults, without {', '.join(less[::2])}\n"
    assert capsys.readouterr().err == said
    assert pages() == before


@pytest.mark.parametrize("error", [OSError("no room"), SystemExit("bench: no room")])
def test_a_run_of_which_a_part_failed_is_shown_and_not_written(
    run: Run,
    pages: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
) -> None:
    def fail(_: Bench) -> Measured:
        raise error

    before = pages()
    monkeypatch.setattr(Bench, "many", fail)
    assert run("--write") == 1
    out, said = capsys.readouterr()
    assert "bench: many could not be measured: no room\n" in said
    assert "bench: nothing is written, because a part failed\n" in said
    assert "proportional" in out, "what was measured before is shown"
    assert pages() == before


def test_a_python_without_a_version_is_no_python(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does not tell its version"):
        describe(tmp_path)


def test_a_part_that_does_not_exist_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--only", "start,nothing")
    assert "'nothing' is none of start, memory, " in capsys.readouterr().err
