"""Stopping: a mint under way is waited for; then each key is kept, or withdrawn and revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.keys import revocation
from freshkey.core.keys.publishing import withdraw
from freshkey.core.model.actions import Level, RevokeToken
from freshkey.core.model.state import Call, Idle, Stopping, Testing
from freshkey.core.model.struct import replace
from freshkey.core.model.token import TokenCall

if TYPE_CHECKING:
    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.core.model.token import Tokens
    from freshkey.core.pacing.context import StepContext

REST = 3.0  # all else ends within 5 s: then requests of clients may take two
_AWAITED = (TokenCall.LOGIN, TokenCall.REVOKE)  # nobody would use the token of a login


def begin(state: AgentState, context: StepContext, *, to_reload: bool) -> AgentState:
    """Take note of the first request to stop, which takes a pause over; others change nothing."""
    if state.stopping is not None and (to_reload or not state.stopping.to_reload):
        return state
    graces = (context.of(key).stop_grace for key in state.keys if to_reload or _is_minting(key))
    if not to_reload:
        context.tell("agent.stopping")
    grace_until = context.now + max(graces, default=0.0)
    return replace(state, stopping=Stopping(grace_until, to_reload=to_reload))


def plan(state: AgentState, stopping: Stopping, context: StepContext) -> AgentState:
    """Do what is left to do before the end."""
    state = replace(state, keys=tuple(_close(key, context) for key in state.keys))
    if _waits_for_mints(state, stopping, context):
        return state
    if stopping.end_by is None:
        state = replace(state, stopping=replace(stopping, end_by=context.now + REST))
    if all(policy.revoke_on_stop for policy in context.policy.keys.values()):
        state = replace(state, tokens=_revoke_tokens(state.tokens, context))
        if state.tokens.current is None and not state.tokens.retired:
            return replace(
                state, keys=tuple(_revoked_with_token(key, context) for key in state.keys)
            )
        if state.tokens.call is TokenCall.REVOKE:
            return state
    return replace(
        state,
        keys=tuple(
            revocation.plan(key, context) if context.of(key).revoke_on_stop else key
            for key in state.keys
        ),
    )


def finished(state: AgentState, context: StepContext) -> bool:
    """Whether nothing is left to wait for."""
    stopping = state.stopping
    if stopping is None or stopping.end_by is None:
        return False
    if context.due(stopping.end_by):
        return True
    if state.tokens.call in _AWAITED:
        return False
    revoking = any(key.retired for key in state.keys if context.of(key).revoke_on_stop)
    return context.link.away or state.tokens.current is None or not revoking


def _close(key: KeyState, context: StepContext) -> KeyState:
    if not context.of(key).revoke_on_stop:
        return key
    key = withdraw(key, "stop", context)
    if isinstance(key.cycle, Testing):
        lease = key.cycle.candidate.lease
        revocation.leave(key, lease, context, Level.INFO)
        key = revocation.retire(key, lease, context.now)
        key = replace(key, cycle=Idle())
    return revocation.end_overlaps(key, context)


def _revoked_with_token(key: KeyState, context: StepContext) -> KeyState:
    """The end of a token ends its leases."""
    for entry in key.retired:
        context.audit("lease.revoked", key.name, entry.lease)
    return replace(key, retired=())


def _is_minting(key: KeyState) -> bool:
    return key.call is Call.MINT


def _waits_for_mints(state: AgentState, stopping: Stopping, context: StepContext) -> bool:
    logs_in = stopping.to_reload and state.tokens.call in _AWAITED
    busy = logs_in or any(map(_is_minting, state.keys))
    return busy and not context.due(stopping.grace_until)


def _revoke_tokens(tokens: Tokens, context: StepContext) -> Tokens:
    if tokens.call is not None or context.link.away or not context.due(tokens.revoke_at):
        return tokens
    held = tokens.retired if tokens.current is None else (*tokens.retired, tokens.current)
    for token in held:
        if token.revocable and not context.due(token.good_until):
            context.do(RevokeToken(token.number, token.secret))
            return replace(tokens, call=TokenCall.REVOKE)
    return tokens
