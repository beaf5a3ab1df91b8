"""JWTs in files, and what they say of themselves: read unchecked, for error lines alone.

Source: RFC 7519, section 4.1. Claims are no secret; only the signature makes a credential of them.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import Struct
from freshkey.core.model.text import one_line
from freshkey.vault.answers.quoting import quote
from freshkey.vault.login.credentials import named, read_credential

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freshkey.core.model.secret import Secret

_PARTS: Final = 3  # header, claims, signature
_NEVER: Final = 1e12  # seconds: no token ends that late


class Claims(Struct, frozen=True):
    """The claims by which a token is accepted or refused. `ends_at` is Unix time."""

    issuer: str = ""
    subject: str = ""
    audiences: tuple[str, ...] = ()
    ends_at: float | None = None

    def describe(self, now: float) -> str:
        """Return them in words; `now` is Unix time."""
        audiences = ", ".join(f'"{audience}"' for audience in self.audiences) or "none"
        description = f'issuer "{self.issuer}", subject "{self.subject}", audience {audiences}'
        if self.ends_at is not None:
            left = round(self.ends_at - now)
            description += f", ends in {left} s" if left > 0 else f", ended {-left} s ago"
        # A subject may be a UUID, as Vault's are: it is not masked, for a rule has to name it.
        return quote([f"the token has {description}"], ids=True)


def read_jwt(path: Path, option: str) -> tuple[Secret, Claims]:
    """Return the JWT that a file holds, and its claims.

    Raises FaultError as `read_credential` does; what is no JWT is shown to nobody.
    """
    jwt = read_credential(path, option)
    claims = read_claims(jwt)
    if claims is None:
        where = f"{named(option)} {one_line(str(path))}"
        message = f"{where} holds no JWT, three parts with dots between: put one there"
        raise FaultError(Fault(FaultKind.BAD_REQUEST, message))
    return jwt, claims


def read_claims(jwt: Secret) -> Claims | None:
    """Return what a token claims, None when it is no JWT."""
    parts = jwt.reveal().split(".")
    if len(parts) != _PARTS:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return _claims(claims) if isinstance(claims, dict) else None


def _claims(claims: Mapping[str, object]) -> Claims:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return Claims(
        issuer=_text(claims.get("iss")),
        subject=_text(claims.get("sub")),
        audiences=tuple(audience for audience in audiences if isinstance(audience, str)),
        ends_at=_instant(claims.get("exp")),
    )


def _instant(claim: object) -> float | None:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    # Neither NaN, which Python's JSON takes, nor what no float can hold is in an interval.
    return claim if 0 <= claim < _NEVER else None


def _text(claim: object) -> str:
    return claim if isinstance(claim, str) else ""
