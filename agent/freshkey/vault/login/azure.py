"""Method azure: an access token of this machine's identity, and where the machine is.

Source: https://developer.hashicorp.com/vault/api-docs/auth/azure#login
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.faults import Operation
from freshkey.vault import tokens
from freshkey.vault.faults import RefusedError, Request
from freshkey.vault.login.azure_identity import find_identity
from freshkey.vault.login.refusals import Hints, explain

if TYPE_CHECKING:
    from freshkey.core.lease import Login
    from freshkey.settings.auth import AzureAuth
    from freshkey.vault.session import Session

_HINTS: Final[Hints] = (
    ("expected audience", "auth.resource has to be the resource of the mount's config, / included"),
    ("issued by a different provider", "the mount's tenant_id has to be this identity's tenant"),
    ("token is expired", "this machine's clock is wrong: correct it"),
    ("not yet valid", "Vault's clock is behind Azure's: correct it"),
    ("service principal not authorized", "put that id into bound_service_principal_ids"),
    ("groups not authorized", "put one of the identity's groups into bound_group_ids"),
    ("cannot be empty or '*'", "set bound_service_principal_ids or bound_group_ids on the role"),
    (
        "are required",
        "this identity names no machine: bind the role by bound_service_principal_ids alone",
    ),
    ("not authorized", "correct that bound of the role"),
    ("does not match", "correct the role's bounds: the identity belongs to another machine"),
    ("unable to retrieve", "the mount's own identity needs the Azure role Reader on this machine"),
    ("invalid role name", "correct auth.role, or make the role"),
)


async def log_in(session: Session, auth: AzureAuth) -> Login:
    """Log in with a token made for this login, or taken from Azure's own cache."""
    identity = await find_identity(auth.resource, auth.client_id)
    path = f"auth/{auth.mount}/login"
    # hvac's call does not know resource_id.
    wish = {"role": auth.role, "jwt": identity.token.reveal(), **identity.place}
    try:
        answer = await session.ask(
            Request(Operation.LOG_IN, path), lambda vault: vault.post(f"/v1/{path}", json=wish)
        )
    except RefusedError as error:
        raise explain(error, path, _HINTS) from None
    return await tokens.accept(session, answer)
