"""AWS credentials of a container (ECS, EKS Pod Identity) and of an instance (EC2, IMDSv2).

Sources: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from freshkey.settings.urls import is_loopback
from freshkey.vault.login.aws_signing import AwsCredentials
from freshkey.vault.login.identity_http import Reply, Service, ask, fault, refusal
from freshkey.vault.login.variables import (
    file_of,
    known,
    local_url_of,
    secret_variable,
    unusable,
    url_of,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

_CONTAINERS: Final = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})  # ECS, EKS
_ECS: Final = "http://169.254.170.2"
_INSTANCE: Final = "http://169.254.169.254"
_INSTANCE_IPV6: Final = "http://[fd00:ec2::254]"
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
_NO_ROLE: Final = "give the instance an IAM role (an instance profile)"


def container() -> Awaitable[AwsCredentials] | None:
    """Return what reads the container's credentials, None when it has none; raises FaultError."""
    if path := variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        if not path.startswith("/"):
            raise unusable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI has to start with /")
        return _container_credentials(_ECS, path)
    if (url := variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) is None:
        return None
    parts = url_of("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    host = parts.hostname or ""
    inside = host in _CONTAINERS or is_loopback(host)
    if parts.scheme == "http" and not inside:
        raise unusable(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI would send a credential in the clear: it has to be "
            f"https, or http to loopback or one of {', '.join(sorted(_CONTAINERS))}"
        )
    path = parts._replace(scheme="", netloc="").geturl() or "/"
    return _container_credentials(f"{parts.scheme}://{parts.netloc}", path)


async def _container_credentials(origin: str, path: str) -> AwsCredentials:
    headers = {}
    if file := variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = file_of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
        headers["Authorization"] = token.reveal()
    elif (given := secret_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")) is not None:
        headers["Authorization"] = given.reveal()
    service = Service(
        "the container's credentials service",
        origin,
        when_silent="does the agent of ECS or EKS Pod Identity run on this node?",
    )
    reply = await ask(service, path, headers=headers)
    if not reply.ok:
        raise refusal(service, reply, "has the task or the pod's service account an IAM role?")
    return _credentials(service, reply)


def instance() -> Awaitable[AwsCredentials] | None:
    """Return what reads the instance's credentials, None when it must not be asked."""
    if (variable("AWS_EC2_METADATA_DISABLED") or "").lower() == "true":
        return None
    ipv6 = (variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") or "").lower() == "ipv6"
    named = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
    url = local_url_of(named, variable(named) or (_INSTANCE_IPV6 if ipv6 else _INSTANCE)).geturl()
    return _instance_credentials(url.rstrip("/"))


async def _instance_credentials(url: str) -> AwsCredentials:
    service = Service(
        "no AWS credentials in the environment, and the instance metadata service",
        url,
        when_silent="outside EC2 set AWS_ACCESS_KEY_ID and the like; in a container on EC2 set "
        "the instance's HttpPutResponseHopLimit to 2",
    )
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    reply = await ask(service, "/latest/api/token", method="PUT", headers=lifetime)
    if not reply.ok:
        raise refusal(service, reply, "is it enabled (HttpEndpoint) for this instance?")
    session = {"X-aws-ec2-metadata-token": known(reply.text).reveal()}
    reply = await ask(service, _ROLES, headers=session)
    if reply.status == HTTPStatus.NOT_FOUND or (reply.ok and not reply.text):
        raise fault(service, f"knows no role: {_NO_ROLE}")
    if not reply.ok:
        raise refusal(service, reply, _NO_ROLE)
    role = reply.text.splitlines()[0]
    reply = await ask(service, _ROLES + quote(role, safe=""), headers=session)
    if not reply.ok:
        raise refusal(service, reply, _NO_ROLE)
    return _credentials(service, reply)


def _credentials(service: Service, reply: Reply) -> AwsCredentials:
    table = reply.table
    values = (table.get(name) for name in ("AccessKeyId", "SecretAccessKey", "Token"))
    match tuple(values):
        case (str(access_key_id), str(secret), str(token)) if access_key_id and secret and token:
            return AwsCredentials(access_key_id, known(secret), known(token))
        case _:  # an instance says so in "Code"
            raise fault(service, "gives no credentials: may its IAM role be assumed by it?")
