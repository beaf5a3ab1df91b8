"""A journal of an earlier boot, moved to the lease clock of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.struct import replace

if TYPE_CHECKING:
    from freshkey.core.model.ledger import KeyEntry, Ledger
    from freshkey.core.model.state import Credential, Lease
    from freshkey.core.model.token import Token


def shifted(ledger: Ledger, shift: float) -> Ledger:
    """Return the ledger with every instant moved by `shift` seconds: each boot has its clock."""

    def lease(old: Lease) -> Lease:
        return replace(
            old,
            started_at=old.started_at + shift,
            expires_at=old.expires_at + shift,
            gone_at=old.gone_at + shift,
        )

    def credential(old: Credential | None) -> Credential | None:
        return None if old is None else replace(old, lease=lease(old.lease))

    def token(old: Token) -> Token:
        return replace(
            old,
            started_at=old.started_at + shift,
            taken_at=old.taken_at + shift,
            expires_at=old.expires_at + shift,
            lost_at=old.lost_at + shift,
        )

    def entry(old: KeyEntry) -> KeyEntry:
        return replace(
            old,
            current=credential(old.current),
            candidate=credential(old.candidate),
            retired=tuple(
                replace(r, lease=lease(r.lease), revoke_at=r.revoke_at + shift) for r in old.retired
            ),
            claim_minted_at=old.claim_minted_at + shift,
            published_at=old.published_at + shift,
        )

    return replace(
        ledger,
        token=None if ledger.token is None else token(ledger.token),
        retired_tokens=tuple(map(token, ledger.retired_tokens)),
        mints=tuple(at + shift for at in ledger.mints),
        keys=tuple(map(entry, ledger.keys)),
    )
