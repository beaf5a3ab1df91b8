"""A step under way, for tests of one function of the core."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from freshkey.core.model.actions import Record
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import Link, Stopping
from freshkey.core.model.token import Token, Tokens
from freshkey.core.pacing.chance import Chance
from freshkey.core.pacing.context import StepContext

from tests.core.scripts import policy

if TYPE_CHECKING:
    from freshkey.core.model.policy import AgentPolicy

    from tests.core.world import World

NOW = 1000.0


def at(
    now: float = NOW,
    chosen: AgentPolicy | None = None,
    *,
    tokens: Tokens | None = None,
    link: Link | None = None,
    stopping: Stopping | None = None,
) -> StepContext:
    """A step that nothing has happened in yet."""
    return StepContext(
        now, Chance(1), chosen or policy(), tokens or Tokens(), link or Link(), stopping
    )


def token(number: int = 1, *, taken_at: float = -inf, lost_at: float = inf) -> Token:
    """One of 100 s, of which 60 are over."""
    return Token(
        *(number, Secret(f"hvs.{number}"), f"accessor-{number}", TokenKind.SERVICE, True),
        *(100.0, NOW - 60, NOW + 40, True, 0.5),
        taken_at=taken_at,
        lost_at=lost_at,
    )


def told(context: StepContext) -> list[tuple[str, dict[str, Any]]]:
    """What the step has recorded: events, each with its fields."""
    return [(a.event, dict(a.fields)) for a in context.actions if isinstance(a, Record)]


def context_of(world: World, now: float | None = None, seed: int = 1) -> StepContext:
    """What a step of this world would look at."""
    state = world.state
    at = world.now if now is None else now
    return StepContext(at, Chance(seed), world.policy, state.tokens, state.link, state.stopping)


def records(context: StepContext, event: str) -> list[Record]:
    """What the step has recorded under this name."""
    return [one for one in context.actions if isinstance(one, Record) and one.event == event]


def ordered(context: StepContext) -> list[str]:
    """The types of what the step orders."""
    return [type(one).__name__ for one in context.actions if not isinstance(one, Record)]
