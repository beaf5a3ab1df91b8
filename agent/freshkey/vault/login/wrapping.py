"""Response wrapping: a secret-id that is delivered sealed, and can be taken out once.

Source: https://developer.hashicorp.com/vault/docs/concepts/response-wrapping
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from freshkey.core.faults import Fault, FaultError, FaultKind, Operation
from freshkey.core.lease import Unwrapped
from freshkey.core.secret import Secret
from freshkey.vault.faults import RefusedError, Request, not_vault
from freshkey.vault.words import quote

if TYPE_CHECKING:
    from freshkey.vault.session import Session


async def unwrap(session: Session, wrapping: Secret, mount: str) -> Unwrapped:
    """Take a secret-id out of its wrapping, if the AppRole method at `mount` made it.

    Raises FaultError. A wrapping that is spent, or made by something else, means that somebody may
    have the secret-id: the fault says so.
    """
    await _validate(session, wrapping, mount)
    try:
        answer = await session.ask(
            Request(Operation.UNWRAP, "sys/wrapping/unwrap"),
            lambda vault: vault.sys.unwrap(),
            token=wrapping,
            abandon=False,  # the secret-id exists in the answer alone
        )
    except RefusedError as error:
        raise _spent(error) from None
    data = answer.body.get("data")
    secret_id = data.get("secret_id") if isinstance(data, dict) else None
    if not isinstance(secret_id, str) or not secret_id:
        raise FaultError(not_vault("an unwrapping that holds no secret_id"))
    return Unwrapped(wrapping.fingerprint, Secret(secret_id))


async def _validate(session: Session, wrapping: Secret, mount: str) -> None:
    try:
        answer = await session.ask(
            Request(Operation.LOOK_UP_WRAPPING, "sys/wrapping/lookup"),
            lambda vault: vault.post("/v1/sys/wrapping/lookup", json={"token": wrapping.reveal()}),
        )
    except RefusedError as error:
        raise _spent(error) from None
    data = answer.body.get("data")
    made_at = data.get("creation_path") if isinstance(data, dict) else None
    if not isinstance(made_at, str):
        raise FaultError(not_vault("a wrapping's lookup that holds no creation_path"))
    if not re.fullmatch(rf"auth/{re.escape(mount)}/role/[^/]+/secret-id", made_at):
        message = (
            f"security event: the wrapping token was made at {quote([made_at])}, not at "
            f"auth/{mount}/role/ROLE/secret-id: somebody may have put it in place of yours; "
            "it was not unwrapped"
        )
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))


def _spent(error: RefusedError) -> FaultError:
    """Vault's 400 does not tell a wrapping that was used from one that expired."""
    if error.fault.kind not in {FaultKind.BAD_REQUEST, FaultKind.TOKEN_INVALID}:
        return error
    message = (
        "security event: the wrapping token was used by somebody else, or it expired: unless you "
        "know that it expired, revoke its secret-id; then deliver a new one "
        f"({quote(error.refusal.errors or ())})"
    )
    return FaultError(Fault(FaultKind.BAD_REQUEST, message))
