"""Stopping: a mint under way is waited for; then each key is kept, or withdrawn and revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from freshkey.core import revocation
from freshkey.core.actions import RevokeToken
from freshkey.core.publishing import withdraw
from freshkey.core.state import Call, Idle, Stopping, Testing
from freshkey.core.token_state import TokenCall

if TYPE_CHECKING:
    from freshkey.core.state import AgentState, KeyState
    from freshkey.core.token_state import Tokens
    from freshkey.core.turn import Turn

REST = 3.0  # all else ends within 5 s: then requests of clients may take two
_AWAITED = (TokenCall.LOGIN, TokenCall.REVOKE)  # a login's token would be nobody's


def begin(state: AgentState, turn: Turn) -> AgentState:
    """Take note of the first request to stop; a second one changes nothing."""
    if state.stopping is not None:
        return state
    graces = (turn.of(key).stop_grace for key in state.keys if _minting(key))
    turn.tell("agent.stopping")
    return replace(state, stopping=Stopping(turn.now + max(graces, default=0.0)))


def plan(state: AgentState, stopping: Stopping, turn: Turn) -> AgentState:
    """Do what is left to do before the end."""
    state = replace(state, keys=tuple(_close(key, turn) for key in state.keys))
    if _minting_still(state, stopping, turn):
        return state
    if stopping.end_by is None:
        state = replace(state, stopping=replace(stopping, end_by=turn.now + REST))
    if all(policy.revoke_on_stop for policy in turn.policy.keys.values()):
        state = replace(state, tokens=_revoke_tokens(state.tokens, turn))
        if state.tokens.current is None and not state.tokens.retired:
            return replace(state, keys=tuple(_taken_along(key, turn) for key in state.keys))
        if state.tokens.call is TokenCall.REVOKE:
            return state
    return replace(
        state,
        keys=tuple(
            revocation.plan(key, turn) if turn.of(key).revoke_on_stop else key for key in state.keys
        ),
    )


def finished(state: AgentState, turn: Turn) -> bool:
    """Whether nothing is left to wait for."""
    stopping = state.stopping
    if stopping is None or stopping.end_by is None:
        return False
    if turn.due(stopping.end_by):
        return True
    if state.tokens.call in _AWAITED:
        return False
    revoking = any(key.retired for key in state.keys if turn.of(key).revoke_on_stop)
    return turn.link.away or state.tokens.current is None or not revoking


def _close(key: KeyState, turn: Turn) -> KeyState:
    if not turn.of(key).revoke_on_stop:
        return key
    key = withdraw(key, "stop", turn)
    if isinstance(key.cycle, Testing):
        key = revocation.retire(key, key.cycle.candidate.lease, turn.now)
        key = replace(key, cycle=Idle())
    return revocation.end_overlaps(key, turn)


def _taken_along(key: KeyState, turn: Turn) -> KeyState:
    """A token takes its leases along."""
    for entry in key.retired:
        turn.audit("lease.revoked", key.name, entry.lease)
    return replace(key, retired=())


def _minting(key: KeyState) -> bool:
    return key.call is Call.MINT


def _minting_still(state: AgentState, stopping: Stopping, turn: Turn) -> bool:
    return any(map(_minting, state.keys)) and not turn.due(stopping.grace_until)


def _revoke_tokens(tokens: Tokens, turn: Turn) -> Tokens:
    if tokens.call is not None or turn.link.away or not turn.due(tokens.revoke_at):
        return tokens
    held = tokens.retired if tokens.current is None else (*tokens.retired, tokens.current)
    for token in held:
        if token.revocable and not turn.due(token.good_until):
            turn.do(RevokeToken(token.number, token.secret))
            return replace(tokens, call=TokenCall.REVOKE)
    return tokens
