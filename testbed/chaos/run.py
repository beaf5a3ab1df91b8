"""Runs a scenario: both agents at once, each at a site of its own."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from testbed.chaos.figures import Figures
from testbed.chaos.scenario import Scenario
from testbed.chaos.site import make_site, running_servers
from testbed.chaos.subjects import Subject
from testbed.chaos.trial import Trial

Results = Mapping[str, Figures]
"""What a scenario showed, by the agent's name."""


def run_scenario(
    scenario: Scenario,
    subjects: Sequence[Subject],
    directory: Path,
    logs: Path,
    stopping: Callable[[], bool] = lambda: False,
) -> Results:
    """Run it in fresh directories below `directory`; put the agents' logs into `logs`.

    Raises TrialError when something did not come, or once `stopping` is true, and what the parts
    raise.
    """
    with ExitStack() as stack:
        if scenario.apart:
            servers = [stack.enter_context(running_servers()) for _ in subjects]
        else:
            servers = [stack.enter_context(running_servers())] * len(subjects)
        trials = []
        for subject, shared in zip(subjects, servers, strict=True):
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=directory)))
            site = stack.enter_context(make_site(shared, own, scenario.lease))
            trial = Trial(subject, site, stopping)
            stack.callback(trial.keep_logs, logs / scenario.name / subject.name.lower())
            stack.enter_context(scenario.prepare(trial))
            stack.callback(trial.stop)
            trial.start()
            trials.append(trial)
        for trial in trials:
            trial.start_reading()
        ends = time.monotonic() + scenario.seconds
        with ThreadPoolExecutor(len(trials)) as threads:
            figures = list(threads.map(lambda trial: _perform(scenario, trial, ends), trials))
        return {trial.subject.name: found for trial, found in zip(trials, figures, strict=True)}


def _perform(scenario: Scenario, trial: Trial, ends: float) -> Figures:
    scenario.fault(trial)
    trial.wait_until(ends)
    trial.stop_reading()
    return trial.finish()
