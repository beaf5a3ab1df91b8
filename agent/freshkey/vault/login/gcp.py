"""Method gcp: an identity token of the metadata server (gce), or a JWT that IAM signs (iam).

Sources: https://developer.hashicorp.com/vault/docs/auth/gcp,
https://cloud.google.com/compute/docs/instances/verifying-instance-identity and
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from freshkey.core.faults import Operation
from freshkey.settings.auth import GcpType
from freshkey.vault import tokens
from freshkey.vault.faults import RefusedError, Request
from freshkey.vault.login.outside import Reply, Service, ask, fault, refusal
from freshkey.vault.login.refusals import Hints, explain
from freshkey.vault.login.variables import known, variable

if TYPE_CHECKING:
    from freshkey.core.lease import Login
    from freshkey.core.secret import Secret
    from freshkey.settings.auth import GcpAuth
    from freshkey.vault.session import Session

IAM = Service(
    "Google's IAM",
    "https://iamcredentials.googleapis.com",
    near=False,
    when_silent="may this machine reach it?",
)
_ACCOUNTS: Final = "/computeMetadata/v1/instance/service-accounts/"
_FLAVOR: Final = {"Metadata-Flavor": "Google"}
_LIFETIME: Final = 300  # seconds; a role takes 900, less what clocks differ by
_HINTS: Final[Hints] = (
    ("JWT is expired", "this machine's clock is wrong: correct it"),
    ("must expire in", "this machine's clock is wrong: correct it"),
    ("JWTs expire within", "this machine's clock is wrong, or the role's max_jwt_exp is below 5m"),
    ("expected JWT to have claims with GCE", 'the role is of type gce: set auth.type = "gce"'),
    ("unable to get public key", "may Vault reach www.googleapis.com, and is the account alive?"),
    ("is not authorized", "put that account into the role's bound_service_accounts"),
    ("not in bound", "put it into that bound of the role"),
    ("not in allowed", "put it into that bound of the role"),
    ("could not find service account", "Vault's own Google account needs iam.serviceAccounts.get"),
    ("not found", "correct auth.role, or make the role"),
)


_GCE_HINTS: Final[Hints] = (
    ("JWTs expire within", 'an instance\'s has an hour: for a role of type iam, auth.type = "iam"'),
    *_HINTS,
)


async def log_in(session: Session, auth: GcpAuth) -> Login:
    """Log in with a JWT made for this login."""
    audience = f"http://vault/{auth.role}"  # Vault looks at its end alone
    if auth.type is GcpType.GCE:
        jwt = await _identity(auth.service_account or "default", audience)
    else:
        jwt = await _signed(auth.service_account, audience)
    path = f"auth/{auth.mount}/login"
    try:
        answer = await session.ask(
            Request(Operation.LOG_IN, path),
            lambda vault: vault.auth.gcp.login(
                auth.role, jwt.reveal(), use_token=False, mount_point=auth.mount
            ),
        )
    except RefusedError as error:
        hints = _GCE_HINTS if auth.type is GcpType.GCE else _HINTS
        raise explain(error, path, hints) from None
    return await tokens.accept(session, answer)


async def _identity(account: str, audience: str) -> Secret:
    query = urlencode({"audience": audience, "format": "full"})
    reply = await _metadata(account, f"identity?{query}")
    return known(reply.text)


async def _signed(account: str | None, audience: str) -> Secret:
    token = (await _metadata("default", "token")).table.get("access_token")
    account = account or (await _metadata("default", "email")).text
    if not isinstance(token, str):
        raise fault(_server(), "gives no access token")
    claims = {"sub": account, "aud": audience, "exp": int(time.time()) + _LIFETIME}
    reply = await ask(
        IAM,
        f"/v1/projects/-/serviceAccounts/{quote(account, safe='@')}:signJwt",
        method="POST",
        headers={
            "Authorization": f"Bearer {known(token).reveal()}",
            "Content-Type": "application/json",
        },
        content=json.dumps({"payload": json.dumps(claims)}).encode(),
    )
    jwt = reply.table.get("signedJwt")
    if not reply.ok or not isinstance(jwt, str):
        to_do = (
            f"the instance's account needs roles/iam.serviceAccountTokenCreator on {account}, the "
            "instance the access scope cloud-platform, and the project the API "
            "iamcredentials.googleapis.com"
        )
        raise refusal(IAM, reply, to_do)
    return known(jwt)


async def _metadata(account: str, what: str) -> Reply:
    server = _server()
    reply = await ask(server, f"{_ACCOUNTS}{quote(account, safe='@')}/{what}", headers=_FLAVOR)
    if reply.headers.get("metadata-flavor") != "Google":
        raise fault(server, "is not Google's: it answers without Metadata-Flavor")
    if reply.status == HTTPStatus.NOT_FOUND:
        raise fault(
            server,
            f"knows no service account {account}: attach it to the instance, or correct "
            "auth.service_account",
        )
    if not reply.ok or not reply.text:
        raise refusal(server, reply, "try again with another auth.service_account")
    return reply


def _server() -> Service:
    host = variable("GCE_METADATA_HOST") or "metadata.google.internal"
    return Service(
        "the metadata server", f"http://{host}", when_silent="does this run on Google Cloud?"
    )
