"""One run, from the first part's start to the summary."""

import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

from testbed.demo.environment import Environment, ReportProgress, running_environment
from testbed.demo.measurements import (
    Measurements,
    dead_parts,
    take_measurements,
    unserved_consumers,
    wait_for_revocations,
)
from testbed.demo.view import make_view, requests_table
from testbed.demo.workdir import WorkDirectory

REFRESH_EVERY: Final = 0.25
"""Seconds."""


def run_demo(workdir: WorkDirectory, stopping: Callable[[], bool], seconds: int | None) -> bool:
    """Run until `stopping` turns true, or for so many seconds; print the summary.

    Returns True if no part died, and if every request of the agent's consumers was served.
    Raises Interrupted when stopped before there was a key, and what `running_environment` raises.
    """
    console = Console(highlight=False)
    with running_environment(workdir, progress_reporter(), stopping) as environment:
        started = time.monotonic()
        end_at = float("inf") if seconds is None else started + seconds
        with make_view(console) as view:
            while not (stopping() or dead_parts(environment) or time.monotonic() > end_at):
                view.show(take_measurements(environment, time.monotonic() - started))
                time.sleep(REFRESH_EVERY)
        seconds_run, reasons = time.monotonic() - started, dead_parts(environment)
        print("stopping", flush=True)
        measurements = stop_environment(environment, seconds_run)
    reasons += unserved_consumers(measurements)
    _summarize(console, measurements, reasons)
    return not reasons


def progress_reporter() -> ReportProgress:
    """Return what prints a line for each part, with the seconds since now."""
    begun = time.monotonic()

    def report_progress(part: str, what: str) -> None:
        print(f"{time.monotonic() - begun:5.1f} s  {part:10} {what}", flush=True)

    return report_progress


def stop_environment(environment: Environment, seconds: float) -> Measurements:
    """Stop the consumers, then the agent; take the last measurements, after `seconds`.

    The agent revokes its lease, so there should be no key left.
    """
    for consumer in environment.consumers:
        consumer.stop()
    if environment.agent.running:
        environment.agent.stop()
        wait_for_revocations(environment)
    return take_measurements(environment, seconds)


def _summarize(console: Console, measurements: Measurements, reasons: list[str]) -> None:
    console.print(
        f"\nin {measurements.seconds:.0f} s: {measurements.rotations} rotations, "
        f"{measurements.mints} mints; keys alive at OpenAI: {measurements.max_live_keys} at most, "
        f"{measurements.live_keys} at the end\n"
    )
    console.print(requests_table(measurements.consumers))
    console.print()
    for reason in reasons:
        console.print(f"FAILED: {reason}", style="bold red", markup=False, soft_wrap=True)
    if not reasons:
        console.print("[green]No reader of the agent's was ever refused.[/]")
