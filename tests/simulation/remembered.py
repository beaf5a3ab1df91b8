"""What a journal knows of the leases and tokens that are alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.outputs.codec import decode

if TYPE_CHECKING:
    from freshkey.core.model.ledger import Ledger
    from freshkey.core.model.token import Token

    from tests.simulation.vault_model import Lease
    from tests.simulation.world import World


def last_ledger(world: World) -> Ledger | None:
    """Return what the journal on the disk holds; None without one."""
    path = world.directory / "state" / "journal.json"
    return decode(path.read_bytes())[1] if path.exists() else None


def unanswered_mints(world: World, ledger: Ledger) -> set[str]:
    """The accounts that an agent has just minted, and did not live to put into its journal.

    The journal has the intent, so the next agent knows of a mint, but not of its lease.
    """
    found = set()
    for name in (entry.name for entry in ledger.keys if entry.intent is not None):
        leases = [one for one in world.vault.leases.values() if one.role.partition("-")[0] == name]
        last = max(leases, key=lambda lease: lease.issued_at, default=None)
        if last is not None and not is_remembered(last, ledger):
            found.add(last.account)
    return found


def unknown_tokens(world: World, ledger: Ledger | None) -> set[str]:
    """Return the tokens that are alive, and that the next agent can't know of."""
    held = () if ledger is None else _tokens(ledger)
    return world.vault.tokens.keys() - {token.secret.reveal() for token in held}


def forget_untold_ends(world: World, ledger: Ledger) -> None:
    """Of a renewal that an agent did not live to put into its journal, nobody was told."""
    tokens, leases = world.vault.tokens, world.vault.leases
    for token in _tokens(ledger):
        if (held := tokens.get(token.secret.reveal())) is not None:
            held.told_until = min(held.told_until, token.expires_at)
    for entry in ledger.keys:
        if entry.current is not None and (lease := leases.get(entry.current.lease.id)) is not None:
            lease.told_until = min(lease.told_until, entry.current.lease.expires_at)


def _tokens(ledger: Ledger) -> list[Token]:
    return [token for token in (ledger.token, *ledger.retired_tokens) if token is not None]


def is_remembered(lease: Lease, ledger: Ledger) -> bool:
    """Whether a lease is named, or the token that it ends with is to be revoked."""
    if lease.token in {token.secret.reveal() for token in ledger.retired_tokens}:
        return True
    for entry in ledger.keys:
        held = [one.lease for one in (entry.current, entry.candidate) if one is not None]
        if lease.id in {one.id for one in (*held, *(old.lease for old in entry.retired))}:
            return True
    return False
