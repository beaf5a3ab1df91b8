"""Whether a request to STS is signed as it has to be, computed anew with botocore."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

_SKEW: Final = timedelta(minutes=15)
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/sts/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)
_UNKNOWN: Final = "The security token included in the request is invalid."
_WRONG: Final = "The request signature we calculated does not match the signature you provided."


def problem(
    secrets: Mapping[str, str], headers: Message, path: str, body: bytes
) -> tuple[str, str] | None:
    """Return STS's code and message for a request that it refuses, else None."""
    signed = _SIGNED.fullmatch(headers.get("Authorization", ""))
    if signed is None:
        return "MissingAuthenticationToken", "Request is missing Authentication Token"
    access_key_id, region, names, signature = signed.groups()
    if access_key_id not in secrets:
        return "InvalidClientTokenId", _UNKNOWN
    stamp = headers["X-Amz-Date"]
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%S%z")
    if datetime.now(tz=UTC) - at > _SKEW:
        return "SignatureDoesNotMatch", f"Signature expired: {stamp} is now earlier than that"
    host = headers["Host"]
    request = AWSRequest("POST", f"https://{host}{path}", _only(names, headers), body)
    request.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(access_key_id, secrets[access_key_id]), "sts", region)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(to_sign, request) != signature:
        return "SignatureDoesNotMatch", _WRONG
    return None


def _only(names: str, headers: Message) -> dict[str, str]:
    return {name: headers[name] for name in names.split(";")}
