"""AWS Signature Version 4, as far as one POST to a service's root needs it. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class AwsCredentials(Struct, frozen=True):
    """What AWS knows a caller by; `session_token` comes with those that expire."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None


class Scope(Struct, frozen=True):
    """What a signature holds for."""

    region: str
    service: str


def sign(
    credentials: AwsCredentials,
    scope: Scope,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
) -> dict[str, str]:
    """Return the headers of the signed request; `headers` have to name the Host, `at` is in UTC."""
    time = at.strftime("%Y%m%dT%H%M%SZ")
    named = f"{time[:8]}/{scope.region}/{scope.service}/aws4_request"
    headers = {**headers, "X-Amz-Date": time}
    if credentials.session_token is not None:
        headers["X-Amz-Security-Token"] = credentials.session_token.reveal()
    canonical = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(canonical))
    lines = [f"{name}:{canonical[name]}" for name in sorted(canonical)]
    request = "\n".join(["POST", "/", "", *lines, "", names, sha256(body).hexdigest()])
    to_sign = "\n".join([_ALGORITHM, time, named, sha256(request.encode()).hexdigest()])
    key = b"AWS4" + credentials.secret_access_key.reveal().encode()
    for part in named.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    credential = f"{credentials.access_key_id}/{named}"
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
