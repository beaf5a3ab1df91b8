"""STS, AWS's service that tells who a caller is: where it is, and what it is asked.

Sources: https://docs.aws.amazon.com/general/latest/gr/sts.html and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from freshkey.vault.login.aws_signing import AwsCredentials, Scope, sign
from freshkey.vault.login.identity_http import Service, ask, fault, refusal
from freshkey.vault.login.variables import known, url_of, variable

if TYPE_CHECKING:
    from datetime import datetime

    from freshkey.core.model.secret import Secret

GLOBAL_REGION: Final = "us-east-1"
FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
CALLER_IDENTITY: Final = b"Action=GetCallerIdentity&Version=2011-06-15"
_PARTITIONS: Final = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}


def host(region: str | None) -> str:
    """Return the host of STS in a region, or of its global endpoint."""
    if region is None:
        return "sts.amazonaws.com"
    suffixes = (suffix for start, suffix in _PARTITIONS.items() if region.startswith(start))
    return f"sts.{region}.{next(suffixes, 'amazonaws.com')}"


def caller_identity(
    credentials: AwsCredentials, region: str | None, header_value: str | None, at: datetime
) -> dict[str, str]:
    """Return the headers of a signed GetCallerIdentity, which Vault sends on to STS."""
    headers = {"Host": host(region), "Content-Type": FORM}
    if header_value is not None:
        headers["X-Vault-AWS-IAM-Server-ID"] = header_value
    return sign(credentials, Scope(region or GLOBAL_REGION, "sts"), headers, CALLER_IDENTITY, at)


async def assume_role(
    token: Secret, role: str, session_name: str, region: str | None
) -> AwsCredentials:
    """Change a web identity token for credentials of a role; raises FaultError.

    `AWS_ENDPOINT_URL_STS` puts another address in the place of STS's own.
    """
    named = "AWS_ENDPOINT_URL_STS"
    url = url_of(named, variable(named) or f"https://{host(region)}").geturl()
    service = Service(
        "AWS STS", url.rstrip("/"), near=False, when_silent="may this machine reach it?"
    )
    fields = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": session_name,
        "WebIdentityToken": token.reveal(),
    }
    reply = await ask(
        service,
        "/",
        method="POST",
        headers={"Content-Type": FORM},
        content=urlencode(fields).encode(),
    )
    if not reply.ok:
        to_do = f"does the trust policy of {role} name this token's issuer, audience, and subject?"
        raise refusal(service, reply, to_do)
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    values = [_element(reply.text, name) for name in names]
    if not all(values):
        raise fault(service, "answers without credentials")
    return AwsCredentials(values[0], known(values[1]), known(values[2]))


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return html.unescape(found[1]).strip() if found else ""
