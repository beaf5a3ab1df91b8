"""How tests run a scenario: both agents, in directories of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from testbed.chaos.run import Results
from testbed.chaos.scenario import Scenario

Run: TypeAlias = Callable[[Scenario], Results]
