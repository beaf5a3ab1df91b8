"""The token: logging in, renewing, replacing in time, revoking what is no longer used.

Source: https://developer.hashicorp.com/vault/docs/concepts/tokens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from freshkey.core.actions import (
    LogIn,
    LookUpToken,
    RenewToken,
    RevokeToken,
)
from freshkey.core.timing import token_point
from freshkey.core.token_state import Token, TokenCall, Tokens

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from freshkey.core.turn import Turn


def plan(tokens: Tokens, in_use: AbstractSet[int], turn: Turn) -> Tokens:
    """Order the token request that is due. `in_use`: the tokens that have leases under them."""
    tokens = _forget_spent(tokens, in_use, turn)
    if tokens.call is not None or turn.link.away or turn.stopping is not None:
        return tokens
    current = tokens.current
    if turn.due(tokens.retry_at):
        if current is None or _login_due(tokens, current, turn):
            turn.do(LogIn(tokens.unwrapped))
            return replace(tokens, call=TokenCall.LOGIN, changed=False)
        if tokens.recheck:
            turn.do(LookUpToken(current.number, current.secret, current.owned))
            return replace(tokens, call=TokenCall.LOOKUP)
        if _renewable(tokens, current) and turn.due(token_point(current, turn.lead)):
            turn.do(RenewToken(current.number, current.secret, current.term))
            return replace(tokens, call=TokenCall.RENEW)
    return _plan_revocation(tokens, in_use, turn)


def mintable(tokens: Tokens, turn: Turn) -> Token | None:
    """Return the token for the next mint: not one that ended, or has a lost lease under it."""
    current = tokens.current
    if current is None or current.abandoned or turn.now >= current.expires_at:
        return None
    return current


def _renewable(tokens: Tokens, token: Token) -> bool:
    return token.renewable and not tokens.worn


def _login_due(tokens: Tokens, current: Token, turn: Turn) -> bool:
    if current.abandoned or tokens.changed or turn.due(current.expires_at):
        return True
    if _renewable(tokens, current):
        return False
    point = token_point(current, turn.lead)
    return turn.due(min(point, current.expires_at - turn.lead) if tokens.worn else point)


def _forget_spent(tokens: Tokens, in_use: AbstractSet[int], turn: Turn) -> Tokens:
    """Drop retired tokens that no lease refers to, where nothing is left to revoke."""
    kept = tuple(
        token
        for token in tokens.retired
        if token.number in in_use or (token.revocable and not turn.due(token.last_end))
    )
    return tokens if len(kept) == len(tokens.retired) else replace(tokens, retired=kept)


def _plan_revocation(tokens: Tokens, in_use: AbstractSet[int], turn: Turn) -> Tokens:
    spent = next((t for t in tokens.retired if t.number not in in_use), None)
    if spent is None or not turn.due(tokens.revoke_at):
        return tokens
    turn.do(RevokeToken(spent.number, spent.secret))
    return replace(tokens, call=TokenCall.REVOKE)
