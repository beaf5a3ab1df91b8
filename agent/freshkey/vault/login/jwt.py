"""Method jwt: an identity token of an issuer that Vault trusts, such as a CI system's.

Source: https://developer.hashicorp.com/vault/api-docs/auth/jwt#jwt-login
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultKind, Operation
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.login import tokens
from freshkey.vault.login.advice import Advice, explain
from freshkey.vault.login.claims import read_jwt

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import JwtAuth
    from freshkey.vault.transport.session import Session

ADVICE: Final = (
    Advice("could not be found", "name one of the mount's roles in auth.role", FaultKind.NOT_FOUND),
    Advice("missing role", "set auth.role, or the mount's default_role"),
    Advice("could not load configuration", "write the mount's config: it has none"),
    Advice(
        "invalid audience",
        "have the token issued for one of the role's bound_audiences, or bind its audience",
    ),
    Advice("no audiences bound", "set the role's bound_audiences to the token's audience"),
    Advice("token is expired", "have auth.jwt_file renewed before its token ends"),
    Advice("token not yet valid", "correct the clock of Vault's host, or the issuer's"),
    Advice("invalid issuer", "set bound_issuer in the mount's config to the token's issuer"),
    Advice("invalid subject", "set the role's bound_subject to the token's subject"),
    Advice("error validating claims", "set the role's bound_claims to what the token claims"),
    Advice(
        "not found in token", "set the role's user_claim and groups_claim to claims of the token"
    ),
    Advice(
        "fetching keys",
        "Vault can't have the issuer's keys: correct the URL in the mount's config, or its network",
    ),
    Advice(
        "error verifying token signature",
        "the keys in the mount's config must be those of the token's issuer",
    ),
)
"""By the words of vault-plugin-auth-jwt 0.25, the more telling first."""


async def log_in(session: Session, auth: JwtAuth) -> Login:
    """Log in with the token that the file holds now; raises FaultError."""
    jwt, claims = read_jwt(auth.jwt_file, "jwt_file")
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    try:
        answer = await session.ask(
            request,
            lambda vault: vault.auth.jwt.jwt_login(
                auth.role or "", jwt.reveal(), use_token=False, path=auth.mount
            ),
        )
    except RefusedError as error:
        raise explain(error, request, ADVICE, claims.describe(time.time())) from None
    return await tokens.accept(session, answer)
