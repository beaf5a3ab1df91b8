"""Which engine gives each key: of KV's secrets no lease is looked up or revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.preflight.online.report import Result, failure, fine, warning
from freshkey.settings.values import as_duration
from freshkey.vault.answers.kv import misplaced
from freshkey.vault.capabilities import capabilities
from freshkey.vault.mounts import Mount, mount_of

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from freshkey.settings.keys import KeySettings
    from freshkey.settings.model import Settings
    from freshkey.vault.transport.session import Session


async def engine_results(
    session: Session, settings: Settings, token: Secret
) -> tuple[list[Result], frozenset[str] | None]:
    """Return what is wrong with paths, and the keys without a lease; None: it can't be told.

    To a token that may do nothing in an engine Vault does not tell that it is there: such a key
    that can't be read is among those without a lease.
    """
    results: list[Result] = []
    static: set[str] = set()
    for name, key in settings.keys.items():
        if key.subject is not None:
            continue
        try:
            mount = await mount_of(session, token, key.path)
        except FaultError as error:
            if error.fault.kind is not FaultKind.FORBIDDEN:
                return [], None  # a Vault, or something before it, that does not tell
            if await _may_read(session, token, key.path):
                message = f"no engine at {key.path} that the token may use: is the path right?"
                results.append(warning(f"keys.{name}.path", message))
            else:  # told with the rights; whether there are leases can't be
                static.add(name)
            continue
        if mount.is_kv:
            static.add(name)
            results.append(_kv(f"keys.{name}.path", key, mount))
    return results, frozenset(static)


async def _may_read(session: Session, token: Secret, path: str) -> bool:
    try:
        found = await capabilities(session, token, [path])
    except FaultError:  # told with the rights
        return False
    return not found[path].isdisjoint({"read", "root"})


def _kv(place: str, key: KeySettings, mount: Mount) -> Result:
    if message := misplaced(mount.path, mount.version, key.path):
        return failure(place, message)
    return fine(place, f"a secret without a lease, read again every {as_duration(key.refresh)}")
