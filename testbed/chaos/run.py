"""Runs a scenario: both agents at once, each at a site of its own."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.figures import Figures
from testbed.chaos.scenario import Scenario
from testbed.chaos.site import make_site, running_servers
from testbed.chaos.subjects import Subject

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

    Raises AgentRunError when something did not come, or once `stopping` is true, and what the parts
    raise.
    """
    with ExitStack() as stack:
        if scenario.apart:
            servers = [stack.enter_context(running_servers()) for _ in subjects]
        else:
            servers = [stack.enter_context(running_servers())] * len(subjects)
        runs = []
        for subject, shared in zip(subjects, servers, strict=True):
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=directory)))
            site = stack.enter_context(make_site(shared, own, scenario.lease))
            agent_run = AgentRun(subject, site, stopping)
            stack.callback(agent_run.keep_logs, logs / scenario.name / subject.name.lower())
            stack.enter_context(scenario.prepare(agent_run))
            stack.callback(agent_run.stop)
            agent_run.start()
            runs.append(agent_run)
        for run in runs:
            run.start_reading()
        ends = time.monotonic() + scenario.seconds
        with ThreadPoolExecutor(len(runs)) as threads:
            figures = list(threads.map(lambda run: _perform(scenario, run, ends), runs))
        return {run.subject.name: found for run, found in zip(runs, figures, strict=True)}


def _perform(scenario: Scenario, agent_run: AgentRun, ends: float) -> Figures:
    scenario.fault(agent_run)
    agent_run.wait_until(ends)
    agent_run.stop_reading()
    return agent_run.finish()
