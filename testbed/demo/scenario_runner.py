"""`make demo STORY=1`: injects one fault after the other, and checks the agent's bounds."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from testbed.demo.environment import STORY, running_environment
from testbed.demo.evaluation import Evaluation, ScenarioResult, evaluate
from testbed.demo.narration import introduction, result_line, summary_table
from testbed.demo.record import compare, report
from testbed.demo.runner import progress_reporter, stop_environment
from testbed.demo.scenario_context import ScenarioContext, failed_requests
from testbed.demo.scenarios import Scenario
from testbed.demo.view import make_view
from testbed.demo.workdir import WorkDirectory

AFTERMATH: Final = 1.0
"""Seconds after a bound: what is refused just after it is reported within them, and shows."""


def run_scenarios(
    workdir: WorkDirectory, stopping: Callable[[], bool], scenarios: Sequence[Scenario]
) -> bool:
    """Run the scenarios, and print the summary; return whether all bounds held.

    Raises Interrupted when stopped before the end, DemoError when a part died, and what
    `running_environment` raises.
    """
    console = Console(highlight=False)
    results: list[ScenarioResult] = []
    with running_environment(workdir, progress_reporter(), stopping, STORY) as environment:
        with make_view(console) as view:
            context = ScenarioContext(environment, view, stopping, STORY.lease)
            for number, scenario in enumerate(scenarios, 1):
                console.print(introduction(scenario, number, len(scenarios)))
                results.append(_run_one(scenario, context))
                console.print(result_line(evaluate(results, context.failed_requests())[-1]))
        print("stopping", flush=True)
        stop_environment(environment, 0)
        evaluations = evaluate(results, failed_requests(environment))
        found = report(environment.agent.audit_file)
        record = compare(found, environment.openai, context.made_by_hand)
    faults = [line for evaluation in evaluations for line in evaluation.faults]
    faults += [*context.scrapes.faults(), *record.faults]
    _summarize(console, evaluations, (context.scrapes.summary(), record.summary), faults)
    return not faults


def _run_one(scenario: Scenario, context: ScenarioContext) -> ScenarioResult:
    began = time.monotonic()
    outcome = scenario.inject(context, scenario.bound.window)
    context.keep_watching(max(outcome.event + scenario.bound.window, context.now()) + AFTERMATH)
    return ScenarioResult(scenario.name, scenario.bound, scenario.tolerated, began, outcome)


def _summarize(
    console: Console,
    evaluations: Sequence[Evaluation],
    records: Sequence[str],
    faults: Sequence[str],
) -> None:
    console.print()
    console.print(summary_table(evaluations))
    console.print()
    for line in faults:
        console.print(f"FAILED: {line}", style="bold red", markup=False, soft_wrap=True)
    if not faults:
        for line in records:
            console.print(line, markup=False, soft_wrap=True)
        console.print("[green]Every bound held, and no request was refused outside of one.[/]")
