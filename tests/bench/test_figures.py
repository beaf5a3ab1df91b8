"""What `make bench` makes of what it has measured."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from bench.figures import many
from bench.figures import record as recording
from bench.figures.figure import Figure, figures_table
from bench.figures.many import COUNTS, DUE, INTENDED, PUBLISHED, due_points, lateness
from bench.figures.phases import phases
from bench.figures.picture import Bar, draw
from bench.figures.record import IN_README, record
from bench.figures.rest import Processor, processor_figures
from bench.side_by_side import NAMES, Bench

if TYPE_CHECKING:
    from pathlib import Path

START = Figure("start", "start", "ms", [100.0, 150.0, 900.0], "Peer", [50.0, 50.0, 300.0], 3)


def test_a_ratio_is_taken_within_a_round() -> None:
    assert START.ratios == [2.0, 3.0, 3.0]
    assert (START.ratio, START.met) == (3.0, True)
    assert START.row() == [
        "start",
        "150 (100 to 900) ms",
        "Peer: 50 (50 to 300) ms",
        "3.00 (2.00 to 3.00)",
        "≤ 3 times",
        "yes",
    ]


def test_a_goal_is_for_the_ratio_or_for_ours() -> None:
    ours: dict[str, Any] = {"ours": [9.0], "peer": "Peer", "theirs": [10.0]}
    assert Figure("a", "a", "", **ours, at_most=0.8).met is False
    assert Figure("a", "a", "", **ours, at_most=9, of_ours=True).met is True
    assert Figure("a", "a", "", **ours, at_least=1).met is False
    assert Figure("a", "a", "", **ours).met is None
    assert Figure("a", "a", "MiB", [3.0], at_most=2).row()[3:] == ["", "≤ 2 MiB", "**no**"]
    assert "**no**" in figures_table([Figure("a", "a", "", [1.0], at_most=0)])


def test_every_name_can_be_measured() -> None:
    assert all(callable(getattr(Bench, name)) for name in NAMES)


def at(seconds: float) -> str:
    return f"2026-01-01T00:{int(seconds) // 60:02}:{seconds % 60:09.6f}Z"


def line(seconds: float, event: str, **more: object) -> str:
    return json.dumps({"timestamp": at(seconds), "event": event, "key": "a", **more})


def test_a_rotation_is_late_from_its_due_point_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.json"
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    lease = {"started_at": began, "expires_at": began + 2 * DUE - 20}
    journal.write_text(
        json.dumps({"ledger": {"keys": [{"name": "a", "current": {"lease": lease}}]}})
    )
    due = due_points(journal)
    assert due["a"] == pytest.approx(time.time() + DUE - 10, abs=1)
    first, unforeseen = line(0.5, "key.mint_intended"), line(2.0, "key.minted")
    intended = line(60.25, "key.mint_intended")
    due = {"a": datetime.fromisoformat(at(60.0)).timestamp()}
    assert lateness([first, unforeseen, intended], due, INTENDED) == [pytest.approx(0.25)]
    for lines in ([first, unforeseen], [first, line(59.0, "key.mint_intended")], []):
        with pytest.raises(ValueError, match="1 keys of 1 were not replaced"):
            lateness(lines, due, INTENDED)


def test_a_new_key_is_late_until_it_is_published() -> None:
    due = {"a": datetime.fromisoformat(at(60.0)).timestamp()}
    first, intended = line(2.0, "key.published"), line(60.25, "key.mint_intended")
    out = line(62.5, "key.published")
    assert lateness([first, intended, out], due, PUBLISHED) == [pytest.approx(2.5)]
    with pytest.raises(ValueError, match="1 keys of 1 were not replaced"):
        lateness([first, intended], due, PUBLISHED)


def test_many_keys_show_when_a_mint_was_intended_and_when_its_key_was_out() -> None:
    found = [
        many.Found(count, 30.0 + count, 0.01, [0.1, 0.2, 0.4], [1.0, 2.0, 4.0]) for count in COUNTS
    ]
    rows = [row.split("|") for row in many.keys_table(found).splitlines()]
    assert [cell.strip() for cell in rows[-1][-5:-1]] == [
        "200 ms",
        "400 ms",
        "2,000 ms",
        "4,000 ms",
    ]
    told = {figure.key: (figure.row()[1], figure.met) for figure in many.figures(found)}
    assert told["many-late"] == ("0.40 s", True)
    assert told["many-out"] == ("4.00 s", None)


def test_a_rest_is_shown_with_checks_and_without() -> None:
    figures = processor_figures(Processor(300.0, 3.0, 1.5, 1.0))
    assert [(figure.key, figure.ours, figure.ratio) for figure in figures] == [
        ("processor", [3.0], 3.0),
        ("processor-unchecked", [1.5], 1.5),
    ]


def test_phases_end_with_events_and_hold_the_imports_before_them() -> None:
    text = "\n".join(
        (
            "import time:      4000 |       4000 | trio",
            line(0.1, "agent.started"),
            "import time:      2000 |       2000 | hvac",
            line(0.15, "token.logged_in"),
            line(0.2, "key.unforeseen"),
        )
    )
    began = 1767225600.0  # 2026-01-01
    assert [
        (phase.name.partition(" ")[0], round(phase.took), phase.imports)
        for phase in phases(text, began, 10.0)
    ] == [("interpreter", 10, 0.0), ("the", 90, 4.0), ("login", 50, 2.0)]


def test_the_picture_shows_who_leads_on_both_grounds() -> None:
    text = draw([Bar("a & b", 0.5, "1 : 2"), Bar("c", 4.0, "4 : 1"), Bar("d", 1e-9, "0 : 1")])
    ET.fromstring(text)  # noqa: S314 - our own
    boxes = [box.attrib for box in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}rect")]  # noqa: S314 - our own
    assert [box["class"] for box in boxes] == ["less", "more", "less"]
    middle = float(boxes[1]["x"])
    assert float(boxes[0]["x"]) + float(boxes[0]["width"]) == pytest.approx(middle, abs=0.2)
    assert "prefers-color-scheme: dark" in text


def test_a_whole_run_is_saved_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIGURES", "README", "PICTURE"):
        monkeypatch.setattr(recording, name, tmp_path / name)
    (tmp_path / "README").write_text("<!-- bench: begin -->\n<!-- bench: end -->\n")
    with pytest.raises(ValueError, match="no whole run: alive, mints, "):
        record([START])
    assert not (tmp_path / "FIGURES").exists()
    assert not (tmp_path / "PICTURE").exists()
    record([Figure(key, key, "", [1.0], "Vault Agent", [2.0]) for key in IN_README])
    saved = json.loads((tmp_path / "FIGURES").read_text())
    assert saved["start"] == {
        "name": "start",
        "unit": "",
        "freshkey": 1.0,
        "peer": "Vault Agent",
        "peer's": 2.0,
        "ratio": 0.5,
    }
    assert "| start to key file" in (tmp_path / "README").read_text()
    assert (tmp_path / "PICTURE").read_text().count("<rect") == len(IN_README)
