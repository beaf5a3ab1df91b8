"""The mint budget: which keys may mint now, and what turned out to be no mint."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from freshkey.core import refreshing, replacement, tokens
from freshkey.core.events import Issued, KeyAnswer, Refreshed
from freshkey.core.lease import Grant
from freshkey.core.state import AgentState, KeyState, Minting, Wanted
from freshkey.core.timing import MINUTE, good_until

if TYPE_CHECKING:
    from freshkey.core.turn import Turn


def grant_mints(
    held: tuple[KeyState, ...], mints: tuple[float, ...], turn: Turn
) -> tuple[tuple[KeyState, ...], tuple[float, ...]]:
    """Let keys mint within the budget, those nearest to their end first."""
    token = tokens.mintable(turn.tokens, turn)
    waiting = [
        key
        for key in held
        if isinstance(key.cycle, Wanted) and key.call is None and not refreshing.is_static(key)
    ]
    if token is None or turn.link.away or not waiting:
        return held, mints
    budget = turn.policy.max_mints_per_minute
    mints = tuple(at for at in mints if turn.now < at + MINUTE)
    room = max(0, budget - len(mints)) if budget else len(waiting)
    if room < len(waiting) and mints:
        turn.due(mints[0] + MINUTE)
    chosen = {key.name for key in sorted(waiting, key=lambda key: _end(key, turn))[:room]}
    names = {key.name for key in waiting}
    minting = tuple(
        replacement.mint(key, key.cycle, token, turn, in_budget=key.name in chosen)
        if isinstance(key.cycle, Wanted) and key.name in names
        else key
        for key in held
    )
    return minting, mints + (turn.now,) * len(chosen)


def _end(key: KeyState, turn: Turn) -> float:
    return -inf if key.current is None else good_until(key.current.lease, turn.tokens)


def recount(state: AgentState, event: KeyAnswer, turn: Turn) -> AgentState:
    """Only an answer tells whether a read of a path has minted."""
    match event:
        case Issued(order=order, grant=Grant(lease_id="")):
            return refund(state, order.name)
        case Refreshed(grant=Grant(lease_id=lease_id)) if lease_id:
            return replace(state, mints=(*state.mints, turn.now))
        case _:
            return state


def refund(state: AgentState, name: str) -> AgentState:
    """Vault asked OpenAI for nothing: this mint does not count."""
    begun = [k.cycle.at for k in state.keys if k.name == name and isinstance(k.cycle, Minting)]
    kept = list(state.mints)
    for at in begun:
        if at in kept:
            kept.remove(at)
    return replace(state, mints=tuple(kept))
