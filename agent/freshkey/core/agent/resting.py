"""Keys at rest: a step plans for a key only where something may be due.

What is planned for a key depends on key, token, link to Vault, policy, and time, and the time
is asked for with `StepContext.due` alone. So a key that a step has left as it was stays
so while the rest is the same, until the first instant that was asked for. Only keys that nothing
replaces rest; with many keys, these are most.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.model.policy import AgentPolicy
from freshkey.core.model.state import Idle, KeyState, Link
from freshkey.core.model.struct import Struct, field
from freshkey.core.model.token import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from freshkey.core.pacing.context import StepContext


class Resting(Struct, frozen=True):
    """The keys that a step left as they were, each with the instant until which nothing is due."""

    policy: AgentPolicy | None = None
    tokens: Tokens | None = None
    link: Link | None = None
    keys: dict[str, tuple[KeyState, float]] = field(default_factory=dict)


NONE_RESTING: Final = Resting()


class Planner:
    """Plans for the keys of one step, and remembers those that rest."""

    def __init__(self, before: Resting, context: StepContext) -> None:
        self._before = before.keys if _is_same(before, context) else {}
        self._context = context
        self._due: dict[str, float] = {}

    def plan(
        self, keys: Iterable[KeyState], plan: Callable[[KeyState, StepContext], KeyState]
    ) -> tuple[KeyState, ...]:
        """Apply one part of the plan to those keys that do not rest."""
        return tuple(self._plan(key, plan) for key in keys)

    def resting(self, before: Iterable[KeyState], planned: Iterable[KeyState]) -> Resting:
        """Return what the next step need not plan for."""
        there = {id(key) for key in before}
        context = self._context
        keys = {
            key.name: (key, self._due[key.name])
            for key in planned
            if id(key) in there and isinstance(key.cycle, Idle)
        }
        return Resting(context.policy, context.tokens, context.link, keys)

    def _plan(self, key: KeyState, plan: Callable[[KeyState, StepContext], KeyState]) -> KeyState:
        known, until = self._before.get(key.name, (None, inf))
        if known is key and not self._context.due(until):
            self._due[key.name] = until
            return key
        earlier, self._context.wake_at = self._context.wake_at, inf
        planned = plan(key, self._context)
        due = self._context.wake_at
        self._due[key.name] = min(due, self._due.get(key.name, inf))
        self._context.wake_at = min(earlier, due)
        return planned


def _is_same(before: Resting, context: StepContext) -> bool:
    return (
        before.policy is context.policy
        and before.tokens is context.tokens
        and before.link is context.link
    )
