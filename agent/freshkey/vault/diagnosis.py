"""Why Vault refuses to read a path: asks Vault itself, if the refusal does not tell."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError, FaultKind, Operation
from freshkey.core.model.struct import replace
from freshkey.vault.answers import kv
from freshkey.vault.answers.faults import Request
from freshkey.vault.mounts import mount_of

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from freshkey.vault.answers.faults import RefusedError
    from freshkey.vault.mounts import Mount
    from freshkey.vault.transport.session import Session

_TOLD_LITTLE: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
PATIENCE: Final = 2.0  # seconds for each question: the refusal alone will do, too
_ENCODED: Final = r"%[0-9A-Fa-f]{2}"
_QUERY: Final = r"\?[a-z_]+="
BOUND: Final = (
    "the token may not even look itself up, as the policy `default` allows: it may be bound to "
    "other networks (token_bound_cidrs of its role), or its entity disabled"
)


async def diagnosed(
    session: Session, token: Secret, path: str, error: RefusedError, *, abandon: bool
) -> FaultError:
    """Return the refusal of a read with what Vault tells of the path's mount, and of the token.

    Without `abandon` even a cancellation waits: a mint that Vault has answered is not to look
    unanswered.
    """
    if error.refusal.status not in _TOLD_LITTLE:
        return error
    message = error.fault.message
    try:
        mount = await mount_of(session, token, path, seconds=PATIENCE, abandon=abandon)
    except FaultError as refused:
        forbidden = error.fault.kind is refused.fault.kind is FaultKind.FORBIDDEN
        if forbidden and not await may_look_itself_up(session, token, abandon=abandon):
            message = f"{message}; {BOUND}"
    else:
        message = _explain_with_mount(mount, path, error)
    if hint := misspelled(path):
        message = f"{message}; {hint}"
    return FaultError(replace(error.fault, message=message))


def misspelled(path: str) -> str | None:
    """Say what in a path looks as if it were meant for a URL, and is taken as it is."""
    if re.search(_ENCODED, path):
        return "a path stands as it is, without percent-encoding: is it right?"
    if re.search(_QUERY, path):
        return "what follows the ? is part of the name here: leave it out"
    return None


async def may_look_itself_up(session: Session, token: Secret, *, abandon: bool = True) -> bool:
    """Whether Vault tells a token about itself, which it forbids to one from another network."""
    request = Request(Operation.LOOK_UP_TOKEN, "auth/token/lookup-self")
    try:
        await session.ask(
            request,
            lambda vault: vault.auth.token.lookup_self(),
            token=token,
            seconds=PATIENCE,
            abandon=abandon,
        )
    except FaultError as error:
        return error.fault.kind is not FaultKind.FORBIDDEN
    return True


def _explain_with_mount(mount: Mount, path: str, error: RefusedError) -> str:
    message = error.fault.message
    if not mount.is_kv:
        return message
    better = kv.misplaced(mount.path, mount.version, path)
    if error.fault.kind is FaultKind.FORBIDDEN:
        return f"{message}; but {better}" if better else message
    if better:
        return f"Vault finds nothing at {path}: {better}"
    if not error.refusal.errors:
        message = f"Vault finds nothing at {path}: there is no such secret in {mount.path}"
    perhaps = kv.perhaps_misplaced(mount.path, mount.version, path)
    return f"{message}; {perhaps}" if perhaps else message
