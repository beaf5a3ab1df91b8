from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import report as reporting
from bench.report import Goal, arguments, report, table, write

if TYPE_CHECKING:
    from pathlib import Path

MET = Goal("speed", [1.0, 9.0, 3.0], at_most=3)
MISSED = Goal("rate", [0.5, 0.2, 0.2], at_least=0.25)


def test_a_goal_is_for_the_median() -> None:
    assert (MET.measured, MET.met) == (3.0, True)
    assert (MISSED.measured, MISSED.met) == (0.2, False)
    assert MET.row() == ["speed", "at most 3", "3.00 (1.00 to 9.00)", "yes"]
    assert Goal("memory", [4.0], at_most=3).row() == ["memory", "at most 3", "4.00", "no"]
    assert MISSED.row() == ["rate", "at least 0.25", "0.20 (0.20 to 0.50)", "no"]


def test_the_exit_status_says_whether_every_goal_was_met(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = arguments("A bench.", rounds=5).parse_args([])
    assert report("bench", "figures\n", [MET], {}, options) == 0
    assert report("bench", "figures\n", [MET, MISSED], {}, options) == 1
    assert capsys.readouterr().out.startswith("figures\n\n| goal  | wanted ")


def test_json_has_the_goals_and_all_values(capsys: pytest.CaptureFixture[str]) -> None:
    options = arguments("A bench.", rounds=5).parse_args(["--json"])
    report("bench", "figures\n", [MISSED], {"server": [1, 2]}, options)
    assert json.loads(capsys.readouterr().out) == {
        "goals": {"rate": {"measured": 0.2, "met": False}},
        "rounds": {"server": [1, 2]},
    }


def test_tables_go_between_the_markers_of_their_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one: begin -->\nold\n<!-- one: end -->\nb\n")
    monkeypatch.setattr(reporting, "PAGE", page)
    options = arguments("A bench.", rounds=5).parse_args(["--write"])
    for _ in range(2):
        report("one", "new\n", [MET], {}, options)
    before, after = page.read_text().split("\nnew\n")
    assert before == "a\n<!-- one: begin -->\n"
    assert after.endswith(" | yes |\n\n<!-- one: end -->\nb\n")
    with pytest.raises(ValueError, match="two: begin"):
        write("two", "new")


def test_the_page_has_a_place_for_each_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(reporting.PAGE.read_text())
    monkeypatch.setattr(reporting, "PAGE", page)
    for name in ("bench", "bench-gateway", "bench-socket", "bench-start", "bad-peers"):
        write(name, "figures\n")


def test_a_table_is_padded() -> None:
    assert table(["a", "long"], [["xyz", "1"]]) == (
        "| a   | long |\n| --- | ---- |\n| xyz | 1    |\n"
    )
