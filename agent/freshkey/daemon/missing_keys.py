"""Why a key is not there yet, in words for whoever waits for it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from freshkey.core.keys.lifecycle import view
from freshkey.core.model.state import (
    BackingOff,
    Exchanging,
    Idle,
    Minting,
    Refreshing,
    Testing,
    Wanted,
)
from freshkey.core.model.token import TokenCall

if TYPE_CHECKING:
    from freshkey.core.model.state import AgentState, Cycle, KeyState

_TOKEN_CALLS: Final = {
    TokenCall.LOGIN: "the login",
    TokenCall.RENEW: "the token's renewal",
    TokenCall.LOOKUP: "the token's look-up",
    TokenCall.REVOKE: "the revocation of an old token",
}


def why_missing(key: KeyState, state: AgentState, address: str) -> str:
    """Return the fault that keeps a key away, or else what it waits for; `address` is Vault's."""
    if (fault := view(key, state.tokens, state.link).fault) is not None:
        return fault.message
    return _under_way(key.cycle, state.tokens.call, f"Vault at {address}")


def _under_way(cycle: Cycle, token_call: TokenCall | None, vault: str) -> str:
    match cycle:
        case Wanted() if token_call is not None:
            return f"{vault} has not answered {_TOKEN_CALLS[token_call]} yet"
        case Wanted(over_budget=over_budget):
            allowed = "vault.max_mints_per_minute allows no other mint yet"
            return allowed if over_budget else "nothing was asked for yet"
        case Minting():
            return f"{vault} has not answered the mint yet"
        case Refreshing():
            return f"{vault} has not answered the read yet"
        case Exchanging():
            return "the exchange of the identity token has not come to an end yet"
        case Testing(detail=detail):
            return f"the new key has not passed its test at OpenAI yet: {detail}"
        case BackingOff(fault=fault):
            return fault.message
        case Idle():
            return f"{vault} has not said yet whether the key's lease lives"
        case _:
            assert_never(cycle)
