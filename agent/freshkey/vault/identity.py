"""Vault vouches for whoever asks: it signs an identity token for the entity of a token.

Source: https://developer.hashicorp.com/vault/api-docs/secret/identity/tokens#generate-a-signed-id-token
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError, FaultKind, Operation
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct, replace
from freshkey.logs.redact import add_secret
from freshkey.vault.answers.faults import RefusedError, Request, not_vault

if TYPE_CHECKING:
    from freshkey.vault.transport.session import Session

_JWT: Final = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
_NO_ENTITY: Final = "no entity"
_NO_ROLE: Final = "not found"


class Identity(Struct, frozen=True):
    """A signed token, a JWT; Vault's audit log has the request by `request_id`."""

    token: Secret
    request_id: str | None


async def read_identity(session: Session, token: Secret, role: str) -> Identity:
    """Have a role sign a token for the entity that `token` belongs to; raises FaultError.

    Nothing is left behind: the request may be broken off.
    """
    request = Request(Operation.READ_IDENTITY, f"identity/oidc/token/{role}")
    try:
        answer = await session.ask(request, lambda vault: vault.get(request.url), token=token)
    except RefusedError as error:
        raise _explained(error, role) from None
    data = answer.body.get("data")
    found = data.get("token") if isinstance(data, dict) else None
    # It goes into a request to OpenAI: nothing else than a JWT may (RFC 7519, section 3).
    if not isinstance(found, str) or not re.fullmatch(_JWT, found):
        raise FaultError(not_vault("JSON without an identity token", unanswered=False))
    identity = Secret(found)
    add_secret(identity)
    return Identity(identity, answer.request_id)


def _explained(error: RefusedError, role: str) -> FaultError:
    """Say what to do about a refusal; Vault answers each with status 400."""
    fault, said = error.fault, " ".join(error.refusal.errors or ())
    if fault.kind is not FaultKind.BAD_REQUEST:
        return error
    if _NO_ENTITY in said:
        hint = "the agent has to log in by a method: a token that was made by hand has no entity"
        return FaultError(replace(fault, message=f"{fault.message}: {hint}"))
    if _NO_ROLE in said:
        hint = f"there is no identity/oidc/role/{role}: write it, or correct vault_oidc_role"
        message = f"{fault.message}: {hint}"
        return FaultError(replace(fault, kind=FaultKind.NOT_FOUND, message=message))
    return error
