"""Runs many scenarios, several at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from subprocess import SubprocessError
from typing import Final

from testbed.binaries import BinaryError
from testbed.chaos.agent_run import AgentRunError
from testbed.chaos.results import summary
from testbed.chaos.run import Results, run_scenario
from testbed.chaos.scenario import Scenario
from testbed.chaos.subjects import Freshkey, Subject
from testbed.demo.workdir import WorkDirectory
from testbed.emulator.process import EmulatorError
from testbed.mounting import MountError
from testbed.process import StartError
from testbed.vault_api import VaultError

EXPECTED_ERRORS: Final = (
    *(BinaryError, EmulatorError, MountError, OSError, StartError, AgentRunError, VaultError),
    SubprocessError,  # gcc, mount
)


@dataclass
class Outcome:
    """What scenarios showed, by their names, and what did not go as expected, a line each."""

    found: dict[str, Results] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def run_scenarios(
    scenarios: Sequence[Scenario],
    subjects: Sequence[Subject],
    workdir: WorkDirectory,
    jobs: int,
    stopping: Callable[[], bool],
) -> Outcome:
    """Run them, `jobs` at a time, and print a line for each; stop early once `stopping` is true.

    A scenario that can't be run to its end is a failure, and the others go on.
    """
    found: dict[str, Results] = {}
    failures: dict[str, list[str]] = {}

    def run(scenario: Scenario) -> None:
        name = scenario.name
        if stopping():
            failures[name] = [f"{name}: not run"]
            return
        try:
            results = run_scenario(scenario, subjects, workdir.directory, workdir.logs, stopping)
        except EXPECTED_ERRORS as error:
            failures[name] = [f"{name}: {' '.join(str(error).split())}"]
        else:
            found[name] = results
            if (ours := results.get(Freshkey.name)) is not None:
                failures[name] = [*scenario.expectation.violations(name, ours)]
        line = summary(name, found[name]) if name in found else failures[name][0]
        print(f"{len(found):3}/{len(scenarios)}  {line}", flush=True)

    longest_first = sorted(scenarios, key=lambda scenario: -scenario.seconds)
    with ThreadPoolExecutor(jobs) as threads:
        for _ in threads.map(run, longest_first):
            pass  # what nobody expected is raised here
    names = [scenario.name for scenario in scenarios]
    return Outcome(
        {name: found[name] for name in names if name in found},
        [line for name in names for line in failures.get(name, ())],
    )
