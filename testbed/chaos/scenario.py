"""What a scenario is."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.figures import Expectation
from testbed.chaos.site import LEASE

Fault = Callable[[AgentRun], None]
"""Breaks something of one agent's; both have it, each in a thread of its own."""

Preparation = Callable[[AgentRun], AbstractContextManager[None]]
"""Surrounds an agent from before its start to after its end."""

Need = Literal["root", "strace", "gcc", "x86_64"]


@dataclass(frozen=True)
class Scenario:
    """A fault, for how many seconds it is watched, and what Freshkey makes of it.

    `action` says it in the words of the table. With `apart` each agent has servers of its own,
    because they are what breaks. `lease` is in seconds.
    """

    name: str
    action: str
    seconds: float
    fault: Fault
    prepare: Preparation = lambda _agent_run: nullcontext()
    expectation: Expectation = field(default_factory=Expectation)
    needs: tuple[Need, ...] = ()
    quick: bool = False
    lease: int = LEASE
    apart: bool = False
