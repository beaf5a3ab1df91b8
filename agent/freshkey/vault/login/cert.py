"""Method cert: the client certificate of [vault], which every request shows.

Source: https://developer.hashicorp.com/vault/api-docs/auth/cert#login-with-tls-certificate-method
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, FaultKind, Operation
from freshkey.core.model.struct import replace
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.answers.quoting import flat, quote
from freshkey.vault.login import tokens

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import CertAuth
    from freshkey.vault.transport.session import Session


async def log_in(session: Session, auth: CertAuth) -> Login:
    """Log in with the certificate that the connection shows; raises FaultError."""
    # Without hvac's call, which reads certificates for a transport of its own.
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    role = {} if auth.role is None else {"name": auth.role}
    try:
        answer = await session.ask(request, lambda vault: vault.post(request.url, json=role))
    except RefusedError as error:
        raise _explained(error, request.path) from None
    return await tokens.accept(session, answer)


def _explained(error: RefusedError, path: str) -> FaultError:
    if error.fault.kind is not FaultKind.BAD_REQUEST:
        return error
    reason = quote(error.refusal.errors or ()) or "no reason given"
    full_text = flat(error.refusal.errors or ())
    if "must be supplied" in full_text or "tls connection required" in full_text:
        hint = (
            "it saw none: does something in front of Vault end TLS, or its listener ask for none?"
        )
    else:
        hint = (
            "does a role there (auth.role, where set) trust the CA and allow the names of "
            "vault.client_cert_file, and is it still valid?"
        )
    message = f"Vault refuses the certificate at {path}: {reason}: {hint}"
    return FaultError(replace(error.fault, message=message))
