"""Identity tokens, verified as OpenAI says it does: signature, issuer, audience, and times.

Sources: RFC 7515, RFC 7519, and
https://developers.openai.com/api/reference/workload-identity-federation. Of the algorithms RS256
alone is known here, which Vault and Kubernetes use by default.
"""

import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

PARTS = 3
CLAIMS = ("iss", "aud", "sub", "exp", "iat")
LEEWAY = 60
"""Seconds by which clocks may differ."""

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before the digest in a signature; RFC 8017, section 9.2."""


class InvalidTokenError(Exception):
    """A token that can't be taken; the text is one line for the caller."""


def claims_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token, unverified; raises InvalidTokenError."""
    parts = token.split(".")
    if len(parts) != PARTS:
        raise InvalidTokenError("The subject token is not a JWT.")
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
    except ValueError:
        raise InvalidTokenError("The subject token is not a JWT.") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise InvalidTokenError("The subject token is not a JWT.")
    return header, claims


def verify_signature(token: str, keys: Iterable[Mapping[str, Any]]) -> None:
    """Check a token's signature with the key of its issuer that it names.

    Raises InvalidTokenError.
    """
    header, _ = claims_of(token)
    if "kid" not in header or header.get("alg") != "RS256":
        raise InvalidTokenError("The subject token needs a kid and a supported alg in its header.")
    key = next((each for each in keys if each.get("kid") == header["kid"]), None)
    if key is None or key.get("kty") != "RSA":
        raise InvalidTokenError("The issuer has no key with the kid of the subject token.")
    signed, _, signature = token.rpartition(".")
    modulus, exponent = (int.from_bytes(_decoded(key[name])) for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    opened = pow(int.from_bytes(_decoded(signature)), exponent, modulus).to_bytes(size)
    end = b"\0" + _SHA256 + hashlib.sha256(signed.encode()).digest()
    if opened != (b"\0\1" + b"\xff" * (size - len(end) - 2) + end):
        raise InvalidTokenError("The signature of the subject token is invalid.")


def verify_claims(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> None:
    """Check who issued a token, for whom, and when; raises InvalidTokenError."""
    for name in CLAIMS:
        if name not in claims:
            raise InvalidTokenError(f"The subject token has no claim '{name}'.")
    if claims["iss"] != issuer:
        raise InvalidTokenError("The issuer of the subject token is not the provider's.")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if audience not in audiences:
        raise InvalidTokenError("The audience of the subject token is not the provider's.")
    if now >= claims["exp"]:
        raise InvalidTokenError("The subject token has expired.")
    if max(claims["iat"], claims.get("nbf", 0)) > now + LEEWAY:
        raise InvalidTokenError("The subject token is not valid yet.")


def attributes_of(
    claims: Mapping[str, Any], transformations: Iterable[Mapping[str, str]]
) -> dict[str, object]:
    """Return what rules match: each claim, those inside of others with dots between.

    Of transformations this knows `assertion.PATH` alone.
    """
    found = dict(_flat(claims, ""))
    named = {
        each["attribute"]: found.get(each["expression"].removeprefix("assertion."))
        for each in transformations
    }
    return found | named


def _flat(claims: Mapping[str, Any], before: str) -> Iterable[tuple[str, object]]:
    for name, value in claims.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidTokenError("The subject token is not a JWT.") from None
