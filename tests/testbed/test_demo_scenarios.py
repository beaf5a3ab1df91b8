"""The story: its scenarios, and how they are evaluated."""

import io
from functools import partial
from math import inf

import pytest
from rich.console import Console

from testbed.demo import fault_injection
from testbed.demo.consumers.counts import FailureKind
from testbed.demo.evaluation import (
    Bound,
    Evaluation,
    FailedRequest,
    Outcome,
    ScenarioResult,
    Tolerance,
    evaluate,
)
from testbed.demo.narration import introduction, result_line, summary_table
from testbed.demo.scenario_context import ScenarioContext
from testbed.demo.scenario_runner import run_scenarios
from testbed.demo.scenarios import SCENARIOS, Scenario, select_scenarios
from testbed.demo.workdir import WorkDirectory

FILE_REFUSED: frozenset[Tolerance] = frozenset({("file", "refused")})
SEVEN = Bound(7)


def make_result(
    measured: float | None = 5.0,
    fault: str = "",
    *,
    limit: Bound = SEVEN,
    began: float = 90.0,
) -> ScenarioResult:
    """Return the result of the scenario `revoked`, whose event is 10 s after its beginning."""
    faults = (fault,) if fault else ()
    return ScenarioResult(
        "revoked", limit, FILE_REFUSED, began, Outcome(began + 10, measured, faults)
    )


def make_failure(at: float, consumer: str = "file", kind: FailureKind = "refused") -> FailedRequest:
    return FailedRequest(at, consumer, kind)


def evaluate_one(scenario: ScenarioResult, *failed_requests: FailedRequest) -> Evaluation:
    (evaluation,) = evaluate([scenario], failed_requests)
    return evaluation


@pytest.mark.parametrize(
    ("failure", "tolerated"),
    [
        (make_failure(100.0), True),
        (make_failure(107.0), True),
        (make_failure(99.9), False),
        (make_failure(107.1), False),
        (make_failure(103.0, kind="failed"), False),
        (make_failure(103.0, consumer="socket"), False),
    ],
)
def test_only_what_the_bound_tolerates_is_tolerated(
    failure: FailedRequest, *, tolerated: bool
) -> None:
    evaluation = evaluate_one(make_result(), failure)
    assert evaluation.within == ((failure,) if tolerated else ())
    assert evaluation.elsewhere == (() if tolerated else (failure,))
    assert (evaluation.faults == ()) == tolerated


def test_a_bound_that_is_no_time_tolerates_nothing() -> None:
    evaluation = evaluate_one(
        make_result(1, limit=Bound(3, "/min")), make_failure(100.1), make_failure(101.0)
    )
    assert len(evaluation.elsewhere) == 2


def test_every_refusal_is_in_one_scenario() -> None:
    scenarios = [
        make_result(began=90),
        make_result(began=110),
        make_result(began=130),
    ]
    at = [*range(80, 160, 3), 109.9, 110.0]
    evaluations = evaluate(scenarios, [make_failure(instant) for instant in at])
    found = [[request.at for request in (*v.within, *v.elsewhere)] for v in evaluations]
    assert sorted(instant for instants in found for instant in instants) == sorted(at)
    for instants, first, last in zip(found, (-inf, 110, 130), (110, 130, inf), strict=True):
        assert all(first <= instant < last for instant in instants)
    assert [len(evaluation.within) for evaluation in evaluations] == [3, 2, 3]


@pytest.mark.parametrize(
    ("scenario", "measured", "faults"),
    [
        (make_result(7.0), "7 s", ()),
        (make_result(7.04), "7 s", ("revoked: 7 s, where 7 s is the bound",)),
        (make_result(8.25), "8.2 s", ("revoked: 8.2 s, where 7 s is the bound",)),
        (make_result(None), "never", ("revoked: it never came, where 7 s is the bound",)),
        (make_result(1.0, "a key was minted"), "1 s", ("revoked: a key was minted",)),
        (make_result(3, limit=Bound(3, "/min")), "3/min", ()),
        (
            make_result(4, limit=Bound(3, "/min")),
            "4/min",
            ("revoked: 4/min, where 3/min is the bound",),
        ),
    ],
)
def test_a_scenario_holds_when_its_bound_does(
    scenario: ScenarioResult, measured: str, faults: tuple[str, ...]
) -> None:
    evaluation = evaluate_one(scenario)
    assert evaluation.measured == measured
    assert evaluation.faults == faults


def test_the_first_refusal_elsewhere_is_named() -> None:
    evaluation = evaluate_one(
        make_result(), make_failure(110.0), make_failure(95.5, consumer="socket", kind="failed")
    )
    assert evaluation.faults == (
        "revoked: 2 refusals elsewhere, the first one to 'socket' -4.5 s from the event (failed)",
    )


def test_scenarios_are_selected_by_name_and_run_in_order() -> None:
    assert [scenario.name for scenario in select_scenarios("1")] == list(SCENARIOS)
    assert [scenario.name for scenario in select_scenarios("reported,revoked")] == [
        "revoked",
        "reported",
    ]
    with pytest.raises(ValueError, match="'' is no scenario"):
        select_scenarios("revoked,")


def test_bounds_are_those_that_the_configuration_can_hold() -> None:
    bounds = {name: str(scenario.bound) for name, scenario in SCENARIOS.items()}
    assert bounds == {
        "revoked": "7 s",
        "deleted": "7 s",
        "gateway": "7 s",
        "frozen": "5 s",
        "killed": "3 s",
        "limited": "3/min",
        "reported": "2 s",
        "migrated": "5 s",
    }
    assert not SCENARIOS["limited"].tolerated
    # Who holds no key is refused in none of them.
    tolerated = frozenset().union(*(scenario.tolerated for scenario in SCENARIOS.values()))
    assert ("gateway", "refused") not in tolerated
    # The file is there while no agent runs: failures of its reader are not tolerated.
    assert not {tolerance for tolerance in SCENARIOS["killed"].tolerated if "file" in tolerance}


def test_introduction_result_and_summary() -> None:
    console = Console(file=io.StringIO(), width=200)
    held, missed = evaluate(
        [make_result(), make_result(None, began=110)], [make_failure(101), make_failure(119)]
    )
    with console.capture() as drawn:
        console.print(introduction(SCENARIOS["killed"], 4, 6))
        console.print(result_line(held), result_line(missed), summary_table([held, missed]))
    text = drawn.get()
    killed = SCENARIOS["killed"]
    for part in ("4 of 6: kill -9 of the agent", killed.action, killed.risk, killed.expectation):
        assert part in text
    assert "held      5 s, where 7 s is the bound; refusals within it: 1, elsewhere: 0" in text
    assert "MISSED    revoked: it never came, where 7 s is the bound" in text
    rows = [row.split() for row in text.splitlines()[-2:]]
    assert rows == [
        ["revoked", "7", "s", "5", "s", "1", "0", "held"],
        ["revoked", "7", "s", "never", "0", "1", "MISSED"],
    ]


def never(context: ScenarioContext, _bound: float) -> Outcome:
    return Outcome(context.now(), None)


def delete_accounts(context: ScenarioContext, _bound: float) -> Outcome:
    """Delete them until a reader is refused: where the gateway meets one first, no reader is."""
    event = context.now()
    while not context.failed_requests():
        assert context.now() < event + 60
        deleted = context.key_in_file()
        context.delete_account(deleted)
        assert context.wait_for(partial(context.is_replaced, deleted), event + 60)
    return Outcome(event, 0.0)


def scenario(name: str, inject: fault_injection.Injection) -> Scenario:
    return Scenario(name, name, "", "", "", Bound(0), frozenset(), inject)


def test_a_story_fails_with_its_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    with WorkDirectory() as workdir:
        assert not run_scenarios(
            workdir, lambda: False, [scenario("late", never), scenario("loud", delete_accounts)]
        )
    printed = capsys.readouterr().out.splitlines()
    failed = [line for line in printed if line.startswith("FAILED") and "metrics: " not in line]
    assert failed[0] == "FAILED: late: it never came, where 0 s is the bound"
    assert failed[1].startswith("FAILED: loud: ")
    assert " refusals elsewhere, the first one to '" in failed[1]
    assert len(failed) == 2
