"""Method token: a token that somebody else made. It is never revoked here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.logs.redact import add_secret
from freshkey.vault.login import tokens
from freshkey.vault.login.credentials import read_credential

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import TokenAuth
    from freshkey.vault.transport.session import Session


async def log_in(session: Session, auth: TokenAuth) -> Login:
    """Return the terms of the token that the file holds now, or that VAULT_TOKEN gave."""
    token = auth.token
    if auth.token_file is not None:
        token = read_credential(auth.token_file, "token_file")
    if token is None:
        message = "neither auth.token_file nor VAULT_TOKEN is set: set one of them"
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))
    add_secret(token)
    return await tokens.look_up(session, token, owned=False)
