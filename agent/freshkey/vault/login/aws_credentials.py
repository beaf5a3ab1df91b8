"""AWS credentials, from where AWS's own tools take them, in their order.

Left out are files of profiles, which are for people. Source:
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.settings.values import WrongValueError
from freshkey.settings.values import region as checked_region
from freshkey.vault.login.aws_metadata import container, instance
from freshkey.vault.login.aws_signing import AwsCredentials
from freshkey.vault.login.aws_sts import assume_role
from freshkey.vault.login.variables import (
    both,
    file_of,
    known,
    secret_variable,
    unusable,
    variable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def find_credentials(region: str | None) -> AwsCredentials:
    """Read credentials anew; raises FaultError, which names where was looked.

    `region` is where STS is asked about a web identity, else the one that the machine is set to.
    """
    if keys := both("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        access_key_id, secret = keys
        return AwsCredentials(access_key_id, known(secret), secret_variable("AWS_SESSION_TOKEN"))
    if named := both("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"):
        file, role = named
        token = file_of("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        here = region or _region("AWS_REGION") or _region("AWS_DEFAULT_REGION")
        session = variable("AWS_ROLE_SESSION_NAME") or "freshkey"
        return await assume_role(token, role, session, here)
    sources: tuple[Callable[[], Awaitable[AwsCredentials] | None], ...] = (container, instance)
    for source in sources:
        if (found := source()) is not None:
            return await found
    raise unusable(
        "no AWS credentials: none in AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, "
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, and AWS_EC2_METADATA_DISABLED "
        "forbids to ask the instance: set one of them"
    )


def _region(name: str) -> str | None:
    value = variable(name)
    try:
        return checked_region(value) if value else None
    except WrongValueError as error:
        raise unusable(f"{name} {error}") from None
