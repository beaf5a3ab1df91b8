"""The journal of an agent that runs, or ran, with this configuration: read, never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.host.identity import boot_id
from freshkey.logs.redact import add_secret
from freshkey.outputs.codec import UnreadableError, decode
from freshkey.outputs.journal import NAME
from freshkey.settings.desired_state import desired_state

if TYPE_CHECKING:
    from collections.abc import Container

    from freshkey.core.model.ledger import Ledger
    from freshkey.settings.model import Settings


def agent_journal(settings: Settings) -> Ledger | None:
    """Return what the journal holds, if an agent would go on with it; None when it can't be had."""
    try:
        header, ledger = decode((settings.state.directory / NAME).read_bytes())
    except (OSError, UnreadableError):
        return None
    if header.boot_id is None or header.boot_id != boot_id():
        return None  # its clock is another; such a token may be near its end
    if not ledger.origin.same_login(desired_state(settings).origin):
        return None
    if ledger.token is not None:
        add_secret(ledger.token.secret)
    return ledger


def lease_terms(
    settings: Settings, ledger: Ledger | None, static: Container[str]
) -> dict[str, float | None]:
    """Return how many seconds a lease of each key lives, None where that is not known.

    Keys that are `static` have no lease, and access tokens of OpenAI's none of Vault's: they are
    left out.
    """
    keys = {
        name: key
        for name, key in settings.keys.items()
        if name not in static and key.subject is None
    }
    terms = {name: key.ttl for name, key in keys.items()}
    sources = desired_state(settings).sources
    for entry in () if ledger is None else ledger.keys:
        current = entry.current
        known = entry.name in keys and sources[entry.name].same_key(entry.source)
        if known and current is not None and not current.lease.static:
            terms[entry.name] = current.lease.term  # which may be less than was asked for
    return terms
