"""The mint budget: which keys may mint now, and what turned out to be no mint."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from freshkey.core.keys import exchanging, refreshing, replacement
from freshkey.core.model.events import Issued, KeyAnswer, Refreshed
from freshkey.core.model.grants import Grant
from freshkey.core.model.state import AgentState, KeyState, Minting, Wanted
from freshkey.core.model.struct import replace
from freshkey.core.pacing.timing import MINUTE, good_until
from freshkey.core.tokens import lifecycle as tokens

if TYPE_CHECKING:
    from freshkey.core.pacing.context import StepContext


def grant_mints(
    held: tuple[KeyState, ...], mints: tuple[float, ...], context: StepContext
) -> tuple[tuple[KeyState, ...], tuple[float, ...]]:
    """Let keys mint within the budget, those nearest to their end first."""
    token = tokens.mintable(context.tokens, context)
    waiting = {
        key.name: key.cycle
        for key in held
        if isinstance(key.cycle, Wanted)
        and key.call is None
        and not (refreshing.is_static(key) or exchanging.is_federated(key, context))
    }
    if token is None or context.link.away or not waiting:
        return held, mints
    budget = context.policy.max_mints_per_minute
    mints = tuple(at for at in mints if context.now < at + MINUTE)
    room = max(0, budget - len(mints)) if budget else len(waiting)
    if room < len(waiting) and mints:
        context.due(mints[0] + MINUTE)
    those = (key for key in held if key.name in waiting)
    nearest = sorted(those, key=lambda key: _end(key, context))
    chosen = {key.name for key in nearest[:room]}
    minting = tuple(
        replacement.mint(key, waiting[key.name], token, context, in_budget=key.name in chosen)
        if key.name in waiting
        else key
        for key in held
    )
    return minting, mints + (context.now,) * len(chosen)


def _end(key: KeyState, context: StepContext) -> float:
    return -inf if key.current is None else good_until(key.current.lease, context.tokens)


def recount(state: AgentState, event: KeyAnswer, context: StepContext) -> AgentState:
    """Only an answer tells whether a read of a path has minted."""
    match event:
        case Issued(order=order, grant=Grant(lease_id="")):
            return refund(state, order.name)
        case Refreshed(grant=Grant(lease_id=lease_id)) if lease_id:
            return replace(state, mints=(*state.mints, context.now))
        case _:
            return state


def refund(state: AgentState, name: str) -> AgentState:
    """Vault asked OpenAI for nothing: this mint does not count."""
    begun = [k.cycle.at for k in state.keys if k.name == name and isinstance(k.cycle, Minting)]
    left = list(state.mints)
    for at in begun:
        if at in left:
            left.remove(at)
    return replace(state, mints=tuple(left))
