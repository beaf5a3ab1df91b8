"""Whether the gate lets an agent pass that is as it was, and stops one that became worse."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import pytest

from bench.deployment import Deployment
from bench.figures import rest, starts
from bench.figures.figure import Figure
from bench.figures.record import FIGURES
from bench.gate import COUNTS, FEW, RATIOS, ROUNDS, Verdict, judge, needed

PROGRAMS = Path(sys.executable).parent
STARTS = 9  # fewer than the gate has, so that the test takes less
WORSE = 1.75  # times: what starts take differs by a tenth or more among few rounds
WORSE_AGENT = """\
#!{python}
import sys
import time
until = time.process_time() + {seconds}  # from here: Python itself has taken some already
while time.process_time() < until:
    pass
ballast = b"x" * {bytes}
sys.argv[0] = "freshkey"
from freshkey.cli.main import main
sys.exit(main())
"""


def test_chance_alone_would_hardly_fail_it() -> None:
    assert [needed(rounds) for rounds in (1, FEW, STARTS, ROUNDS)] == [1, 6, 8, 12]
    with pytest.raises(ValueError, match="5 rounds are too few"):
        needed(5)


def test_nearly_all_rounds_have_to_be_worse() -> None:
    at_rest, slower = [1.0] * 4 + [1.6] * 11, [1.0] * 3 + [1.6] * 12
    assert not Verdict("start", 1.2, 1.5, at_rest).is_worse
    assert Verdict("start", 1.2, 1.5, slower).is_worse
    assert Verdict("start", 1.2, 1.5, slower).row()[-1] == "**worse**"


def test_a_count_has_to_be_the_same() -> None:
    committed = {"alive": {"freshkey": 1.0}}
    for alive, worse in ((0.0, False), (1.0, False), (2.0, True)):
        figure = Figure("alive", "keys alive", "", [alive], "Vault Agent", [21.0])
        assert [verdict.is_worse for verdict in judge([figure], committed)] == [worse]


def test_what_is_compared_is_committed() -> None:
    committed = json.loads(FIGURES.read_text())
    assert all(committed[key]["ratio"] > 0 for key in RATIOS)
    assert all(committed[key]["freshkey"] <= 1 for key in COUNTS)


def measure(programs: Path) -> list[Figure]:
    """Measure starts and memory, as the gate does, of the agent in a directory."""
    with Deployment() as deployment:
        return [
            *starts.figures(starts.measure(deployment, programs, STARTS)),
            *rest.memory_figures(rest.measure_memory(deployment, programs, FEW, settled=0.5)),
        ]


def worse_programs(directory: Path, figures: dict[str, Figure]) -> Path:
    """Make an agent that takes three quarters more: of memory, and of the processor at starts."""
    processor = median(figures["start-processor"].ours) * (WORSE - 1) / 1e3
    memory = median(figures["resident"].ours) * (WORSE - 1) * 2**20
    text = WORSE_AGENT.format(
        python=PROGRAMS / "python", seconds=f"{processor:.3f}", bytes=int(memory)
    )
    (directory / "freshkey").write_text(text)
    (directory / "freshkey").chmod(0o755)
    (directory / "python").symlink_to(PROGRAMS / "python")
    return directory


@pytest.mark.gate
@pytest.mark.timeout(600)  # two minutes where something else has the processors
def test_an_agent_that_became_slower_and_larger_is_caught(tmp_path: Path) -> None:
    before = {figure.key: figure for figure in measure(PROGRAMS)}
    committed = {
        key: {"ratio": figure.ratio or 0.0, "freshkey": median(figure.ours)}
        for key, figure in before.items()
    }
    same = judge(measure(PROGRAMS), committed)
    assert [verdict.row() for verdict in same if verdict.is_worse] == []
    worse = judge(measure(worse_programs(tmp_path, before)), committed)
    keys = ("start-processor", "restart-processor", "resident", "proportional")
    names = {before[key].name for key in keys}
    assert {verdict.name for verdict in worse if verdict.is_worse} == names
