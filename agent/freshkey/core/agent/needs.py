"""What the keys need of Vault: tokens that have leases in use under them, and Vault itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from freshkey.core.model.state import (
    BackingOff,
    Exchanging,
    Idle,
    Minting,
    Refreshing,
    Testing,
    Wanted,
)
from freshkey.core.pacing.timing import good_until

if TYPE_CHECKING:
    from freshkey.core.model.state import KeyState
    from freshkey.core.pacing.context import StepContext


def tokens_in_use(held: tuple[KeyState, ...]) -> frozenset[int]:
    """Tokens that have a lease in use under them: published, tested, in its overlap, or minted."""
    used = set()
    for key in held:
        if key.current is not None:
            used.add(key.current.lease.token)
        match key.cycle:
            case Testing(candidate=candidate):
                used.add(candidate.lease.token)
            case Minting(token=number):
                used.add(number)
            case Idle() | Wanted() | Refreshing() | Exchanging() | BackingOff():
                pass
            case _:
                assert_never(key.cycle)
        used.update(entry.lease.token for entry in key.retired if not entry.failures)
    return frozenset(used)


def needs_vault(held: tuple[KeyState, ...], context: StepContext) -> bool:
    """Whether a key is to come from Vault, or has a lease there that lives, and has to end."""
    if context.policy.uses_vault:
        return True
    leases = [key.current.lease for key in held if key.current is not None]
    leases += [entry.lease for key in held for entry in key.retired]
    return any(
        lease.is_of_vault and good_until(lease, context.tokens) > context.now for lease in leases
    )
