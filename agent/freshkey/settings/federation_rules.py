"""Rules for keys that are exchanged at OpenAI: what they need, and what has no use for them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from freshkey.core.model.policy import Subject
from freshkey.settings.faults import Finding, Place
from freshkey.settings.keys import KeySettings, KeySource

_OF_VAULT: Final = ("path", "field", "ttl")
_IDENTITY: Final = {Subject.VAULT: "vault_oidc_role", Subject.FILE: "subject_token_file"}


def needs_vault(document: Mapping[str, Any]) -> bool:
    """Whether some key of a document, or the lack of any, needs a login to Vault."""
    keys = _tables(document)
    return not keys or any(
        not _is_federated(key) or _subject(key) != Subject.FILE for key in keys.values()
    )


def useless_options(document: Mapping[str, Any]) -> Iterator[Finding]:
    """List the options of Vault's that are set for a key of another source, even to the default."""
    for name, key in _tables(document).items():
        if _is_federated(key):
            for option in _OF_VAULT:
                if key.get(option, "") != "":
                    message = f'is for source = "{KeySource.VAULT}": remove it'
                    yield Finding(("keys", name, option), message)


def broken_federation_rules(place: Place, key: KeySettings) -> Iterator[Finding]:
    """List the rules between source, path, and federation that a key breaks."""
    about, table = ((*place, "source"),), (*place, "federation")
    if key.source is KeySource.VAULT:
        if not key.path:
            yield Finding((*place, "path"), "is missing, and has no default: set it", about)
        if key.federation is not None:
            yield Finding(table, 'needs source = "federation": set that, or remove it', about)
        return
    if key.federation is None:
        yield Finding(table, "is missing: add this table, because of source", about)
        return
    subject = key.federation.subject
    for whose, option in _IDENTITY.items():
        given = getattr(key.federation, option)
        rests_on = ((*table, "subject"),)
        if whose is subject and not given:
            message = f'is missing, and subject = "{subject}" needs it: set it'
            yield Finding((*table, option), message, rests_on)
        elif whose is not subject and given:
            message = f'is for subject = "{whose}": remove it, or change the subject'
            yield Finding((*table, option), message, rests_on)


def _tables(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    keys = document.get("keys")
    tables = keys.items() if isinstance(keys, dict) else ()
    return {name: table for name, table in tables if isinstance(table, dict)}


def _is_federated(key: Mapping[str, Any]) -> bool:
    return key.get("source") == KeySource.FEDERATION


def _subject(key: Mapping[str, Any]) -> object:
    federation = key.get("federation")
    return federation.get("subject") if isinstance(federation, dict) else None
