"""Vault's refusal of a login for which it asked a cloud, with what to do about it.

What the cloud said is inside Vault's words, and a plugin may answer 500 for a plain refusal.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from freshkey.core.faults import FaultError, FaultKind
from freshkey.vault.words import quote

if TYPE_CHECKING:
    from freshkey.vault.faults import RefusedError

Hints = tuple[tuple[str, str], ...]
"""Signs in Vault's words, each with what to do; the first one that is found counts."""

_FAILED: Final = 500
_XML_ERROR: Final = re.compile(
    r"<.*<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>.*>", re.DOTALL
)


def explain(error: RefusedError, path: str, hints: Hints) -> FaultError:
    """Return the refusal of a login at `path` with the first hint, if one fits."""
    errors = error.refusal.errors or ()
    hint = next((hint for sign, hint in hints if sign in " ".join(errors)), None)
    if hint is None:
        return error
    said = quote(_XML_ERROR.sub(r"\1: \2", text) for text in errors)
    unasked = error.fault.kind is FaultKind.UPSTREAM and error.refusal.status < _FAILED
    kind = FaultKind.UPSTREAM if unasked else FaultKind.BAD_REQUEST
    message = f"Vault refuses {path}: {said}: {hint}"
    return FaultError(replace(error.fault, kind=kind, message=message))
