"""Response wrapping: a secret-id that is delivered sealed, and can be taken out once.

Source: https://developer.hashicorp.com/vault/docs/concepts/response-wrapping
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, final

import structlog

from freshkey.core.model.faults import Fault, FaultError, FaultKind, Operation
from freshkey.core.model.grants import Unwrapped
from freshkey.core.model.secret import Secret
from freshkey.core.model.text import cleaned
from freshkey.vault.answers.cleaning import tell_cleaned
from freshkey.vault.answers.faults import RefusedError, Request, not_vault
from freshkey.vault.answers.quoting import quote

if TYPE_CHECKING:
    from freshkey.vault.transport.session import Session

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class Wrappings:
    """Opens wrappings. It remembers the last whose answer was lost, and the last it told of."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lost = ""  # fingerprints
        self._told = ""

    async def unwrap(self, wrapping: Secret, mount: str) -> Unwrapped:
        """Take a secret-id out of its wrapping, if the AppRole method at `mount` made it.

        Raises FaultError. A wrapping that is spent, or made by something else, means that somebody
        may have the secret-id: the fault says so, and an event of its own, once.
        """
        await self.validate(wrapping, mount)
        try:
            answer = await self._session.ask(
                Request(Operation.UNWRAP, "sys/wrapping/unwrap"),
                lambda vault: vault.sys.unwrap(),
                token=wrapping,
                abandon=False,  # the secret-id exists in the answer alone
            )
        except FaultError as error:
            if error.fault.unanswered:
                self._lost = wrapping.fingerprint
            raise self._spent(error, wrapping) from None
        data = answer.body.get("data")
        secret_id = data.get("secret_id") if isinstance(data, dict) else None
        if not isinstance(secret_id, str) or not secret_id:
            raise FaultError(not_vault("an unwrapping that holds no secret_id"))
        found = cleaned(secret_id)
        if found.misfit or not found.value:
            problem = f"has {found.misfit}" if found.misfit else "is white space alone"
            message = f"the secret-id in the wrapping {problem}: make one without, and wrap that"
            raise FaultError(Fault(FaultKind.BAD_REQUEST, message))
        tell_cleaned("credential.cleaned", secret_id, found, option="secret_id in its wrapping")
        return Unwrapped(wrapping.fingerprint, Secret(found.value))

    async def validate(self, wrapping: Secret, mount: str) -> None:
        """Raise FaultError unless that method made it, and it was not opened yet."""
        token = {"token": wrapping.reveal()}
        try:
            answer = await self._session.ask(
                Request(Operation.LOOK_UP_WRAPPING, "sys/wrapping/lookup"),
                lambda vault: vault.post("/v1/sys/wrapping/lookup", json=token),
            )
        except FaultError as error:
            raise self._spent(error, wrapping) from None
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
            self._tell("wrapping.foreign", wrapping, message)
            raise FaultError(Fault(FaultKind.BAD_REQUEST, message))

    def _spent(self, error: FaultError, wrapping: Secret) -> FaultError:
        """Vault's 400 does not tell a wrapping that was used from one that expired."""
        kinds = {FaultKind.BAD_REQUEST, FaultKind.TOKEN_INVALID}
        if not isinstance(error, RefusedError) or error.fault.kind not in kinds:
            return error
        if wrapping.fingerprint == self._lost:
            message = (
                "the wrapping token was used, it seems, by this agent, whose answer was lost: "
                "revoke its secret-id, and deliver a new one"
            )
        else:
            message = (
                "security event: the wrapping token was used by somebody else, or by an earlier "
                "run of this agent whose answer was lost, or it expired: unless you know that it "
                "expired, revoke its secret-id; then deliver a new one "
                f"({quote(error.refusal.errors or ())})"
            )
            self._tell("wrapping.spent", wrapping, message)
        return FaultError(Fault(FaultKind.BAD_REQUEST, message))

    def _tell(self, event: str, wrapping: Secret, message: str) -> None:
        if self._told != wrapping.fingerprint:
            self._told = wrapping.fingerprint
            log.error(event, wrapping=wrapping.fingerprint, message=message)
