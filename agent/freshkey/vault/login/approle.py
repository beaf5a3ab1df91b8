"""Method approle: a role-id and a secret-id.

Source: https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, Operation
from freshkey.vault.answers.faults import Request
from freshkey.vault.login import tokens
from freshkey.vault.login.credentials import read_credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.grants import Login, Unwrapped
    from freshkey.core.model.secret import Secret
    from freshkey.settings.auth import AppRoleAuth
    from freshkey.vault.login.wrapping import Wrappings
    from freshkey.vault.transport.session import Session


async def log_in(
    session: Session,
    auth: AppRoleAuth,
    unwrapped: Unwrapped | None,
    on_unwrapped: Callable[[Unwrapped], None],
    wrappings: Wrappings,
) -> Login:
    """Log in; `on_unwrapped` gets a secret-id that had to be unwrapped, before it is used."""
    role_id = auth.role_id
    if auth.role_id_file is not None:
        role_id = read_credential(auth.role_id_file, "role_id_file").reveal()
    secret_id = await _secret_id(auth, unwrapped, on_unwrapped, wrappings)
    answer = await session.ask(
        Request(Operation.LOG_IN, f"auth/{auth.mount}/login"),
        lambda vault: vault.auth.approle.login(
            role_id, secret_id.reveal(), use_token=False, mount_point=auth.mount
        ),
    )
    return await tokens.accept(session, answer)


async def _secret_id(
    auth: AppRoleAuth,
    unwrapped: Unwrapped | None,
    on_unwrapped: Callable[[Unwrapped], None],
    wrappings: Wrappings,
) -> Secret:
    try:
        delivered = read_credential(auth.secret_id_file, "secret_id_file")
    except FaultError:
        if unwrapped is not None and auth.secret_id_wrapped:
            return unwrapped.secret_id  # the file was removed after an earlier login
        raise
    if not auth.secret_id_wrapped:
        return delivered
    if unwrapped is not None and delivered.fingerprint == unwrapped.wrapping:
        return unwrapped.secret_id
    unwrapped = await wrappings.unwrap(delivered, auth.mount)
    on_unwrapped(unwrapped)
    return unwrapped.secret_id
