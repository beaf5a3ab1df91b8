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

from freshkey.core.model.faults import FaultKind, Operation
from freshkey.settings.auth import GcpType
from freshkey.vault.answers.faults import RefusedError, Request
from freshkey.vault.login import tokens
from freshkey.vault.login.advice import Advice, explain
from freshkey.vault.login.identity_http import Reply, Service, ask, fault, refusal
from freshkey.vault.login.variables import known, url_of, variable

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login
    from freshkey.core.model.secret import Secret
    from freshkey.settings.auth import GcpAuth
    from freshkey.vault.transport.session import Session

IAM = Service(
    "Google's IAM",
    "https://iamcredentials.googleapis.com",
    near=False,
    when_silent="may this machine reach it?",
)
_ACCOUNTS: Final = "/computeMetadata/v1/instance/service-accounts/"
_FLAVOR: Final = {"Metadata-Flavor": "Google"}
_LIFETIME: Final = 300  # seconds; a role takes 900, less what clocks differ by
ADVICE: Final = (
    Advice("JWT is expired", "correct this machine's clock"),
    Advice("must expire in", "correct this machine's clock"),
    Advice(
        "JWTs expire within",
        "set the role's max_jwt_exp to 5m or more, or correct this machine's clock",
    ),
    Advice("expected JWT to have claims with GCE", 'set auth.type = "gce" for a role of type gce'),
    Advice("unable to get public key", "let Vault reach www.googleapis.com"),
    Advice("is not authorized", "put that account into the role's bound_service_accounts"),
    Advice("missing bound label", "give the instance that label"),
    Advice("in bound", "correct that bound of the role"),
    Advice(
        "ould not find service account", "give Vault's own Google account iam.serviceAccounts.get"
    ),
    Advice("attempting to find instance", "give Vault's own Google account compute.instances.get"),
    Advice("not found", "correct auth.role, or make the role", FaultKind.NOT_FOUND),
)
"""By the words of vault-plugin-auth-gcp 0.22; the more telling first."""
GCE_ADVICE: Final = (
    Advice(
        "JWTs expire within",
        'set auth.type = "iam" for a role of type iam: an instance\'s own JWT has an hour',
    ),
    *ADVICE,
)


async def log_in(session: Session, auth: GcpAuth) -> Login:
    """Log in with a JWT made for this login."""
    audience = f"http://vault/{auth.role}"  # Vault looks at its end alone
    if auth.type is GcpType.GCE:
        jwt = await _identity(auth.service_account or "default", audience)
    else:
        jwt = await _signed(auth.service_account, audience)
    request = Request(Operation.LOG_IN, f"auth/{auth.mount}/login")
    try:
        answer = await session.ask(
            request,
            lambda vault: vault.auth.gcp.login(
                auth.role, jwt.reveal(), use_token=False, mount_point=auth.mount
            ),
        )
    except RefusedError as error:
        advice = GCE_ADVICE if auth.type is GcpType.GCE else ADVICE
        facts = f"the JWT was of type {auth.type}, for {audience}"
        raise explain(error, request, advice, facts) from None
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
    named = "GCE_METADATA_HOST"
    url = url_of(named, f"http://{variable(named) or 'metadata.google.internal'}").geturl()
    return Service("the metadata server", url, when_silent="does this run on Google Cloud?")
