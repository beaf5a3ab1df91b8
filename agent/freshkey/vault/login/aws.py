"""Method aws, by IAM: Vault sends a request to STS that the agent signed, and sees who signed it.

Source: https://developer.hashicorp.com/vault/api-docs/auth/aws#login
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from freshkey.core.faults import Operation
from freshkey.vault import tokens
from freshkey.vault.faults import RefusedError, Request
from freshkey.vault.login.aws_credentials import find_credentials
from freshkey.vault.login.aws_sts import CALLER_IDENTITY, caller_identity, host
from freshkey.vault.login.refusals import explain

if TYPE_CHECKING:
    from freshkey.core.lease import Login
    from freshkey.settings.auth import AwsAuth
    from freshkey.vault.session import Session

_CREDENTIALS: Final = "AWS does not know these credentials: give valid ones"
# A sign in Vault's words, which hold those of STS, and what to do; the first one counts.
_HINTS: Final = (
    ("missing header", "set auth.header_value to the mount's iam_server_id_header_value"),
    ("error validating X-Vault-AWS", "auth.header_value has to be the one that Vault expects"),
    ("Signature expired", "this machine's clock is wrong: correct it"),
    ("Signature not yet current", "this machine's clock is wrong: correct it"),
    ("Credential should be scoped", "set auth.sts_region to the mount's sts_region"),
    ("RegionDisabled", "activate STS in that region, or set auth.sts_region to another"),
    ("regional STS endpoint", "auth.sts_region is not known to Vault"),
    ("ExpiredToken", "the AWS credentials have expired: give new ones"),
    ("InvalidClientTokenId", _CREDENTIALS),
    ("SignatureDoesNotMatch", "the secret access key is not that of the access key"),
    ("does not belong to the role", "put that ARN into the role's bound_iam_principal_arn"),
    ("auth method iam not allowed", "the role needs auth_type=iam"),
    ("entry for role", "correct auth.role, or make the role"),
    ("error making upstream request", "Vault has to reach its sts_endpoint"),
)


async def log_in(session: Session, auth: AwsAuth) -> Login:
    """Log in with a signed request, which STS takes for 15 min, and Vault only for a login."""
    credentials = await find_credentials(auth.sts_region)
    headers = caller_identity(credentials, auth.sts_region, auth.header_value, datetime.now(tz=UTC))
    wish = {
        "iam_http_request_method": "POST",
        "iam_request_url": _encoded(f"https://{host(auth.sts_region)}/".encode()),
        "iam_request_body": _encoded(CALLER_IDENTITY),
        "iam_request_headers": _encoded(json.dumps(headers).encode()),
    }
    if auth.role is not None:
        wish["role"] = auth.role
    path = f"auth/{auth.mount}/login"
    try:
        answer = await session.ask(
            Request(Operation.LOG_IN, path), lambda vault: vault.post(f"/v1/{path}", json=wish)
        )
    except RefusedError as error:
        raise explain(error, path, _HINTS) from None
    return await tokens.accept(session, answer)


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()
