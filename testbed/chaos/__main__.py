"""Break what surrounds a real agent: `python -m testbed.chaos [--only NAMES] [--quick] [--write]`.

Both agents run at the same time, with the same faults. Exit status 1 says that Freshkey did not do
what is expected of it; a line names scenario, figure, and bound.
"""

import argparse
import sys
from typing import Final

from testbed.chaos import results
from testbed.chaos.needs import unmet
from testbed.chaos.scenario import Scenario
from testbed.chaos.scenarios import SCENARIOS
from testbed.chaos.subjects import SUBJECTS
from testbed.chaos.suite import run_scenarios
from testbed.demo.errors import DemoError
from testbed.demo.workdir import WorkDirectory
from testbed.signals import StopSignal, keep_from_children

BOTH: Final = "both"
JOBS: Final = 4
"""Scenarios at a time."""


def main() -> int:
    """Run the scenarios, print the table; return the exit status."""
    arguments = _arguments()
    keep_from_children()
    subjects = [SUBJECTS[n] for n in SUBJECTS if arguments.subject in (n, BOTH)]
    scenarios = [s for s in SCENARIOS.values() if _is_wanted(s, arguments)]
    left_out = {scenario.name: lacks for scenario in scenarios if (lacks := unmet(scenario))}
    for name, lacks in left_out.items():
        print(f"chaos: {name} is left out: it needs {lacks}", flush=True)
    runnable = [scenario for scenario in scenarios if scenario.name not in left_out]
    if arguments.write and (len(runnable), len(subjects)) != (len(SCENARIOS), len(SUBJECTS)):
        print("chaos: --write takes all scenarios with both agents", file=sys.stderr)
        return 2
    try:
        with WorkDirectory() as workdir:
            outcome = run_scenarios(runnable, subjects, workdir, arguments.jobs, StopSignal())
            failed = outcome.failures and any(workdir.logs.iterdir())
            workdir.keep = arguments.keep or bool(failed)
    except DemoError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    print(results.chaos_table(outcome.found, subjects))
    for line in outcome.failures:
        print(f"FAILED: {line}")
    if workdir.keep:
        print(f"chaos: the logs of the agents are in {workdir.logs}")
    if arguments.write and not outcome.failures:
        results.write(outcome.found, subjects)
    return 1 if outcome.failures else 0


def _is_wanted(scenario: Scenario, arguments: argparse.Namespace) -> bool:
    if arguments.only:
        return scenario.name in arguments.only
    return scenario.quick or not arguments.quick


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SCENARIOS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {','.join(SCENARIOS)}")
    return names


def _arguments() -> argparse.Namespace:
    description = (__doc__ or "").partition("\n\n")[0]
    parser = argparse.ArgumentParser(prog="python -m testbed.chaos", description=description)
    parser.add_argument("--only", type=_names, metavar="NAMES", help="these, comma-separated")
    parser.add_argument("--quick", action="store_true", help="some, in 3 minutes")
    parser.add_argument("--subject", choices=[*SUBJECTS, BOTH], default=BOTH)
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many scenarios at a time")
    parser.add_argument("--keep", action="store_true", help="keep the agents' logs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
