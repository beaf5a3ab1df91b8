"""Faults that pass: they begin when they can hurt, as an agent may want to replace its key."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.scenario import Fault

LEASE: Final = 60
LASTS: Final = 15.0
WATCHED: Final = 90.0
LEAD: Final = 3.0
EARLY: Final = 0.5
"""Seconds, all five. A fault that may begin at any time has a lead; a lease is a moment older than
its key's file, so an outage begins early."""

DESCRIPTION: Final = f"for {LASTS:g} s"

Outage = Callable[[AgentRun], AbstractContextManager[object]]
"""Lasts as long as its block."""


def at_replacement(outage: Outage) -> Fault:
    """Return what begins an outage as soon as the agent may want to replace its first key."""

    def inject(agent_run: AgentRun) -> None:
        due = agent_run.subject.earliest_replacement * LEASE - EARLY
        agent_run.wait_until(agent_run.first_key_at + due)
        with outage(agent_run):
            agent_run.wait(LASTS)

    return inject


def lasting(outage: Outage, seconds: float) -> Fault:
    """Return what begins an outage near the start, which lasts for so long."""

    def inject(agent_run: AgentRun) -> None:
        agent_run.wait(LEAD)
        with outage(agent_run):
            agent_run.wait(seconds)

    return inject
