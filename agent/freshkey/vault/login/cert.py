"""Method cert: the client certificate of [vault], which every request shows.

Source: https://developer.hashicorp.com/vault/api-docs/auth/cert#login-with-tls-certificate-method
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.faults import Operation
from freshkey.vault import tokens
from freshkey.vault.faults import Request

if TYPE_CHECKING:
    from freshkey.core.lease import Login
    from freshkey.settings.auth import CertAuth
    from freshkey.vault.session import Session


async def log_in(session: Session, auth: CertAuth) -> Login:
    """Log in with the certificate that the connection shows; raises FaultError."""
    # Without hvac's call, which reads certificates for a transport of its own.
    path = f"auth/{auth.mount}/login"
    role = {} if auth.role is None else {"name": auth.role}
    answer = await session.ask(
        Request(Operation.LOG_IN, path), lambda vault: vault.post(f"/v1/{path}", json=role)
    )
    return await tokens.accept(session, answer)
