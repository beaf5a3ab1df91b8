"""A secret-id that may be good for one login: looked at, not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError
from freshkey.preflight.online.report import Result, failure, fine
from freshkey.vault.login.credentials import read_credential
from freshkey.vault.login.wrapping import Wrappings

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.core.model.ledger import Ledger
    from freshkey.settings.auth import AppRoleAuth, AuthSettings
    from freshkey.vault.transport.session import Session


def is_spent_once(auth: AppRoleAuth) -> bool:
    """Whether the configuration says that a login may spend the credential."""
    return auth.secret_id_wrapped or auth.remove_secret_id_file


def was_removed(auth: AuthSettings) -> bool:
    """Whether a credential is missing that a login removes: then an agent has used it, perhaps."""
    return any(file.is_removed and _is_missing(file.path) for file in auth.files)


async def once_results(session: Session, auth: AppRoleAuth, ledger: Ledger | None) -> list[Result]:
    """Tell whether the files are there, and whether a wrapping is still closed."""
    place = "auth.secret_id_file"
    held = None if ledger is None else ledger.unwrapped
    try:
        if auth.role_id_file is not None:
            read_credential(auth.role_id_file, "role_id_file")
    except FaultError as error:
        return [failure("auth.role_id_file", error.fault.message)]
    try:
        delivered = read_credential(auth.secret_id_file, "secret_id_file")
        if not auth.secret_id_wrapped:
            return [fine(place, "is there, and was not used")]
        if held is not None and held.wrapping == delivered.fingerprint:
            return [fine(place, "was unwrapped by the agent, whose journal has the secret-id")]
        await Wrappings(session).validate(delivered, auth.mount)
    except FaultError as error:
        used = ledger is not None and (held or ledger.token) and is_spent_once(auth)
        if used and _is_missing(auth.secret_id_file):
            return [fine(place, "was used by the agent, and removed; its journal has a token")]
        return [failure(place, error.fault.message)]
    return [fine(place, f"is wrapped at auth/{auth.mount}, and was not opened")]


def _is_missing(path: Path) -> bool:
    """Whether there is none; what can't be seen may be there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
