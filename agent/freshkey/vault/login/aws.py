"""Method aws, by IAM: Vault sends a request to STS that the agent signed, and sees who signed it.

Source: https://developer.hashicorp.com/vault/api-docs/auth/aws#login
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultKind, Operation
from freshkey.core.model.struct import replace
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.login import tokens
from freshkey.vault.login.advice import Advice, explain
from freshkey.vault.login.aws_credentials import find_credentials
from freshkey.vault.login.aws_sts import CALLER_IDENTITY, caller_identity, host

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.settings.auth import AwsAuth
    from freshkey.vault.transport.session import Session

ADVICE: Final = (
    Advice("missing header", "set auth.header_value to the mount's iam_server_id_header_value"),
    Advice("error validating X-Vault-AWS", "correct auth.header_value to what Vault expects"),
    Advice("Signature expired", "correct this machine's clock"),
    Advice("Signature not yet current", "correct this machine's clock"),
    Advice("Credential should be scoped", "set auth.sts_region to the mount's sts_region"),
    Advice("RegionDisabled", "activate STS in that region, or set auth.sts_region to another"),
    Advice("regional STS endpoint", "correct auth.sts_region"),
    Advice("ExpiredToken", "give new AWS credentials"),
    Advice("InvalidClientTokenId", "give AWS credentials that AWS knows"),
    Advice("SignatureDoesNotMatch", "give the secret access key of that access key"),
    Advice("does not belong to the role", "put that ARN into the role's bound_iam_principal_arn"),
    Advice("auth method iam not allowed", "make the role with auth_type=iam"),
    Advice("entry for role", "correct auth.role, or make the role", FaultKind.NOT_FOUND),
    Advice("error making request", "let Vault reach its sts_endpoint", FaultKind.UPSTREAM),
)
"""By the words of Vault 1.21, which hold those of STS; the more telling first."""

# What STS says, without the XML around it.
_STS_ERROR: Final = re.compile(
    r"<.*<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>.*>", re.DOTALL
)


async def log_in(session: Session, auth: AwsAuth) -> Login:
    """Log in with a signed request, which STS takes for 15 min, and Vault only for a login."""
    credentials = await find_credentials(auth.sts_region)
    headers = caller_identity(credentials, auth.sts_region, auth.header_value, datetime.now(tz=UTC))
    fields = {
        "iam_http_request_method": "POST",
        "iam_request_url": _encoded(f"https://{host(auth.sts_region)}/".encode()),
        "iam_request_body": _encoded(CALLER_IDENTITY),
        "iam_request_headers": _encoded(json.dumps(headers).encode()),
    }
    if auth.role is not None:
        fields["role"] = auth.role
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    try:
        answer = await session.ask(request, lambda vault: vault.post(request.url, json=fields))
    except RefusedError as error:
        facts = f"signed with access key {credentials.access_key_id} for {headers['Host']}"
        raise explain(_plain(error), request, ADVICE, facts) from None
    return await tokens.accept(session, answer)


def _plain(error: RefusedError) -> RefusedError:
    errors = tuple(_STS_ERROR.sub(r"\1: \2", text) for text in error.refusal.errors or ())
    return RefusedError(error.fault, replace(error.refusal, errors=errors))


def _encoded(content: bytes) -> str:
    return b64encode(content).decode()
