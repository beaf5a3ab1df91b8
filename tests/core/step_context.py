"""A step under way, for tests of one function of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.actions import Record
from freshkey.core.pacing.chance import Chance
from freshkey.core.pacing.context import StepContext

if TYPE_CHECKING:
    from tests.core.world import World


def context_of(world: World, now: float | None = None, seed: int = 1) -> StepContext:
    """What a step of this world would look at."""
    state = world.state
    at = world.now if now is None else now
    return StepContext(at, Chance(seed), world.policy, state.tokens, state.link, state.stopping)


def told(context: StepContext, event: str) -> list[Record]:
    """What a step says under this name."""
    return [one for one in context.actions if isinstance(one, Record) and one.event == event]


def ordered(context: StepContext) -> list[str]:
    """The types of what a step orders."""
    return [type(one).__name__ for one in context.actions if not isinstance(one, Record)]
