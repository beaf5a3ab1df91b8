"""What to do about a refused login, told by Vault's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.struct import Struct, replace
from freshkey.vault.answers.quoting import flat, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.vault.answers.faults import RefusedError, Request


class Advice(Struct, frozen=True):
    """What to do when `sign` is in Vault's words. `kind` says how the refusal is met."""

    sign: str
    todo: str
    kind: FaultKind = FaultKind.BAD_REQUEST


def explain(
    error: RefusedError, request: Request, table: Iterable[Advice], facts: str
) -> FaultError:
    """Return the refusal with the first advice that fits, and `facts` about what was shown.

    A refusal that has no sign of the table stays as it is.
    """
    errors = error.refusal.errors or ()
    quoted, full_text = quote(errors), flat(errors)
    for advice in table:
        if advice.sign in full_text:
            message = f"Vault refuses {request.path} ({quoted}): {advice.todo}; {facts}"
            return FaultError(replace(error.fault, kind=advice.kind, message=message))
    return error
