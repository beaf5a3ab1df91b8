from __future__ import annotations

import subprocess
import sys

from bench.imports import OPTION, by_part, imports_table

NOTED = """\
import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |   trio._core
{"event": "agent.started", "level": "info"}
import time:       500 |       1500 | sortedcontainers
import time:      2000 |       9000 |     freshkey.core.model.state
import time:      4000 |       4000 | freshkey.core
import time:       250 |        250 | freshkey
import time:      3000 |       3000 |       json.decoder
"""


def test_each_module_counts_for_its_part() -> None:
    assert by_part(NOTED) == {
        "trio": 1.5,
        "freshkey.core": 6.0,
        "freshkey": 0.25,
        "standard library": 3.0,
    }


def test_the_interpreter_notes_what_is_read() -> None:
    done = subprocess.run(
        [sys.executable, *OPTION, "-c", "import freshkey.core.model.state"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"msgspec", "freshkey.core", "standard library"} <= by_part(done.stderr).keys()


def test_medians_are_shown_and_what_is_small_is_one_line() -> None:
    rounds = [{"a": 9.0, "b": 1.0, "c": 3.0}, {"a": 8.0, "c": 4.0}, {"a": 10.0, "b": 1.0, "c": 5.0}]
    lines = [line.split() for line in imports_table(rounds).splitlines()[2:]]
    assert [line[1:-1] for line in lines] == [
        ["a", "|", "9"],
        ["c", "|", "4"],
        ["the", "rest", "|", "1"],
        ["all", "|", "13"],
    ]
