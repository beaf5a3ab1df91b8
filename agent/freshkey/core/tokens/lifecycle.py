"""The token: logging in, renewing, replacing in time, revoking what is no longer used.

Source: https://developer.hashicorp.com/vault/docs/concepts/tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.actions import (
    LogIn,
    LookUpToken,
    RenewToken,
    RevokeToken,
)
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token, TokenCall, Tokens
from freshkey.core.pacing.timing import token_point

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from freshkey.core.pacing.context import StepContext


def plan(tokens: Tokens, in_use: AbstractSet[int], context: StepContext, *, needed: bool) -> Tokens:
    """Order the token request that is due. `in_use`: the tokens that have leases under them.

    `needed`: a key wants Vault, or has a lease there that is to be revoked.
    """
    if not needed:
        tokens = _give_up_spent(tokens, in_use)
    tokens = _forget_spent(tokens, in_use, context)
    if tokens.call is not None or context.link.away:
        return tokens
    current = tokens.current
    if context.due(tokens.retry_at):
        if needed and _login_due(tokens, current, context):
            context.do(LogIn(tokens.unwrapped))
            return replace(tokens, call=TokenCall.LOGIN, changed=False)
        if current is not None and tokens.recheck:
            context.do(LookUpToken(current.number, current.secret, current.owned))
            return replace(tokens, call=TokenCall.LOOKUP)
        if (
            current is not None
            and _renewable(tokens, current)
            and context.due(token_point(current, context.lead))
        ):
            context.do(RenewToken(current.number, current.secret, current.term))
            return replace(tokens, call=TokenCall.RENEW)
    return _plan_revocation(tokens, in_use, context)


def mintable(tokens: Tokens, context: StepContext) -> Token | None:
    """Return the token for the next mint: not one that ended, or has a lost lease under it."""
    current = tokens.current
    if current is None or current.abandoned or context.now >= current.expires_at:
        return None
    return current


def _renewable(tokens: Tokens, token: Token) -> bool:
    return token.renewable and not tokens.clipped


def _login_due(tokens: Tokens, current: Token | None, context: StepContext) -> bool:
    if current is None:
        return True
    if not context.policy.uses_vault:  # what is left to revoke ends with its token at the latest
        return False
    if current.abandoned or tokens.changed or context.due(current.expires_at):
        return True
    if _renewable(tokens, current):
        return False
    point = token_point(current, context.lead)
    return context.due(min(point, current.expires_at - context.lead) if tokens.clipped else point)


def _forget_spent(tokens: Tokens, in_use: AbstractSet[int], context: StepContext) -> Tokens:
    """Drop retired tokens that no lease refers to, where nothing is left to revoke."""
    left = tuple(
        token
        for token in tokens.retired
        if token.number in in_use or (token.revocable and not context.due(token.last_end))
    )
    return tokens if len(left) == len(tokens.retired) else replace(tokens, retired=left)


def _give_up_spent(tokens: Tokens, in_use: AbstractSet[int]) -> Tokens:
    """Nothing needs Vault any more: its token goes with the last lease under it."""
    current = tokens.current
    if current is None or current.number in in_use:
        return tokens
    return replace(tokens, current=None, retired=(*tokens.retired, current))


def _plan_revocation(tokens: Tokens, in_use: AbstractSet[int], context: StepContext) -> Tokens:
    """Whatever is retired and not in use is the agent's to revoke: the rest is forgotten by now."""
    spent = next((t for t in tokens.retired if t.number not in in_use), None)
    if spent is None or not context.due(tokens.revoke_at):
        return tokens
    context.do(RevokeToken(spent.number, spent.secret))
    return replace(tokens, call=TokenCall.REVOKE)
