"""Method azure: an access token of this machine's identity, and where the machine is.

Source: https://developer.hashicorp.com/vault/api-docs/auth/azure#login
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultKind, Operation
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.login import tokens
from freshkey.vault.login.advice import Advice, explain
from freshkey.vault.login.azure_identity import find_identity

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import AzureAuth
    from freshkey.vault.transport.session import Session

ADVICE: Final = (
    Advice(
        "expected audience", "set auth.resource to the resource of the mount's config, / included"
    ),
    Advice("issued by a different provider", "set the mount's tenant_id to this identity's tenant"),
    Advice("token is expired", "correct this machine's clock"),
    Advice("before the nbf", "correct the clock of Vault's host"),
    Advice("not yet valid", "correct the clock of Vault's host"),
    Advice(
        "service principal not authorized",
        "put that id into the role's bound_service_principal_ids",
    ),
    Advice(
        "groups not authorized", "put one of the identity's groups into the role's bound_group_ids"
    ),
    Advice(
        "cannot be empty or '*'", "set bound_service_principal_ids or bound_group_ids on the role"
    ),
    Advice(
        "are required",
        "bind the role by bound_service_principal_ids alone: this identity names no machine",
    ),
    Advice("not authorized", "correct that bound of the role"),
    Advice("does not match", "correct the role's bounds"),
    Advice(
        "unable to retrieve", "give the mount's own identity the Azure role Reader on this machine"
    ),
    Advice("invalid role name", "correct auth.role, or make the role", FaultKind.NOT_FOUND),
)
"""By the words of vault-plugin-auth-azure 0.22; the more telling first."""


async def log_in(session: Session, auth: AzureAuth) -> Login:
    """Log in with a token made for this login, or taken from Azure's own cache."""
    identity = await find_identity(auth.resource, auth.client_id)
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    # hvac's call does not know resource_id.
    fields = {"role": auth.role, "jwt": identity.token.reveal(), **identity.login_fields}
    try:
        answer = await session.ask(request, lambda vault: vault.post(request.url, json=fields))
    except RefusedError as error:
        facts = f"the token was for {auth.resource}"
        raise explain(error, request, ADVICE, facts) from None
    return await tokens.accept(session, answer)
