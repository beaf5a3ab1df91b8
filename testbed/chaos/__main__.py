"""Break what surrounds a real agent: `python -m testbed.chaos [--only NAMES] [--quick] [--write]`.

Both agents run at the same time, with the same faults. Exit status 1 says that Freshkey did not do
what is expected of it; a line names scenario, figure, and bound.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from testbed.binaries import BinaryError
from testbed.chaos import results
from testbed.chaos.needs import unmet
from testbed.chaos.run import Results, run_scenario
from testbed.chaos.scenario import Scenario
from testbed.chaos.scenarios import SCENARIOS
from testbed.chaos.subjects import SUBJECTS, Freshkey, Subject
from testbed.chaos.trial import TrialError
from testbed.demo.errors import DemoError
from testbed.demo.workdir import WorkDirectory
from testbed.emulator.process import EmulatorError
from testbed.mounting import MountError
from testbed.process import StartError
from testbed.signals import keep_from_children
from testbed.vault_api import VaultError

BOTH: Final = "both"
JOBS: Final = 4
"""Scenarios at a time."""

EXPECTED_ERRORS: Final = (
    *(BinaryError, DemoError, EmulatorError, MountError, OSError, StartError),
    *(TrialError, VaultError),
)


def main() -> int:
    """Run the scenarios, print the table; return the exit status."""
    arguments = _arguments()
    keep_from_children()
    wanted = (
        [SUBJECTS[arguments.subject]] if arguments.subject in SUBJECTS else [*SUBJECTS.values()]
    )
    scenarios = [s for s in SCENARIOS.values() if _is_wanted(s, arguments)]
    left_out = {scenario.name: lacks for scenario in scenarios if (lacks := unmet(scenario))}
    for name, lacks in left_out.items():
        print(f"chaos: {name} is left out: it needs {lacks}", flush=True)
    if arguments.write and (left_out or arguments.only or arguments.quick or len(wanted) == 1):
        print("chaos: --write takes all scenarios with both agents", file=sys.stderr)
        return 2
    try:
        with WorkDirectory() as workdir:
            workdir.keep = True
            runnable = [s for s in scenarios if s.name not in left_out]
            found = _run(runnable, wanted, workdir, arguments.jobs)
            violations = [*_violations(found)]
            workdir.keep = arguments.keep or bool(violations)
            if workdir.keep:
                print(f"chaos: the logs are in {workdir.logs}")
    except EXPECTED_ERRORS as error:
        print(f"chaos: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(results.chaos_table(found, wanted))
    for line in violations:
        print(f"FAILED: {line}")
    if arguments.write and not violations:
        results.write(found, wanted)
    return 1 if violations else 0


def _run(
    scenarios: Sequence[Scenario], subjects: Sequence[Subject], workdir: WorkDirectory, jobs: int
) -> dict[str, Results]:
    found: dict[str, Results] = {}

    def run(scenario: Scenario) -> None:
        found[scenario.name] = run_scenario(scenario, subjects, workdir.directory, workdir.logs)
        line = results.summary(scenario.name, found[scenario.name])
        print(f"{len(found):3}/{len(scenarios)}  {line}", flush=True)

    longest_first = sorted(scenarios, key=lambda scenario: -scenario.seconds)
    with ThreadPoolExecutor(jobs) as threads:
        for _ in threads.map(run, longest_first):
            pass  # what a scenario raises is raised here
    return {scenario.name: found[scenario.name] for scenario in scenarios}


def _violations(found: dict[str, Results]) -> list[str]:
    return [
        line
        for name, by_subject in found.items()
        if Freshkey.name in by_subject
        for line in SCENARIOS[name].expectation.violations(name, by_subject[Freshkey.name])
    ]


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
    parser.add_argument("--quick", action="store_true", help="some, in less than 3 minutes")
    parser.add_argument("--subject", choices=[*SUBJECTS, BOTH], default=BOTH)
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many scenarios at a time")
    parser.add_argument("--keep", action="store_true", help="keep the agents' logs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
