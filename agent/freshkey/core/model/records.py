"""Records of what became of a key, each with all the names that auditors know the key by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.actions import Field, Level, Record
from freshkey.core.model.state import Names

if TYPE_CHECKING:
    from freshkey.core.model.state import Lease


def audited(
    event: str,
    name: str,
    lease: Lease | None = None,
    level: Level = Level.INFO,
    **fields: Field,
) -> Record:
    """Make a record for auditors about the key called `name`, and its lease, where there is one."""
    names = Names() if lease is None else lease.names
    known: dict[str, Field] = {
        "key": name,
        "tag": names.tag,
        "lease_id": None if lease is None else lease.vault_id,
        "api_key_id": names.api_key_id,
        "service_account": names.service_account,
    }
    return Record(level, event, tuple((known | fields).items()), audit=True)
