"""Vault's refusal of a login for which it asked a cloud, with what to do about it.

What the cloud said is inside Vault's words, and a plugin may answer 500 for it: no outage of Vault.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from freshkey.core.faults import FaultError, FaultKind
from freshkey.vault.words import quote

if TYPE_CHECKING:
    from freshkey.vault.faults import RefusedError

Hints = tuple[tuple[str, str], ...]
"""Signs in Vault's words, each with what to do; the first one that is found counts."""

_XML_ERROR: Final = re.compile(
    r"<.*<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>.*>", re.DOTALL
)


def explain(error: RefusedError, path: str, hints: Hints) -> FaultError:
    """Return the refusal of a login at `path` with its hint, and what is no refusal as it is."""
    found = error.fault
    errors = error.refusal.errors or ()
    hint = next((hint for sign, hint in hints if sign in " ".join(errors)), None)
    said = quote(_XML_ERROR.sub(r"\1: \2", text) for text in errors)
    cloud_is_away = found.kind is FaultKind.UPSTREAM  # so far taken for OpenAI
    failed = error.refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR and not found.unanswered
    if hint is not None:
        kind = FaultKind.UPSTREAM if cloud_is_away else FaultKind.BAD_REQUEST
        message = f"Vault refuses {path}: {said}: {hint}"
        return FaultError(replace(found, kind=kind, message=message))
    if cloud_is_away or failed:
        message = f"Vault fails at {path}: {said}"
        return FaultError(replace(found, kind=FaultKind.UPSTREAM, message=message))
    return error
