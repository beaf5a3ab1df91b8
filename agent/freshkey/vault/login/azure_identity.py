"""Tokens of Azure identities: of a workload, an App Service or Container App, or a machine.

Sources: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/azure/app-service/overview-managed-identity and
https://azure.github.io/azure-workload-identity/docs/
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, TypeGuard
from urllib.parse import urlencode

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct
from freshkey.vault.login.identity_http import Reply, Service, ask, fault, refusal
from freshkey.vault.login.variables import (
    both,
    file_of,
    known,
    local_url_of,
    secret_variable,
    unusable,
    url_of,
    variable,
)

MACHINE: Final = "http://169.254.169.254"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RESOURCE: Final = re.compile(r"/subscriptions/([^/]+)/resourcegroups/([^/]+)/.+", re.IGNORECASE)
_ASSIGN: Final = "assign an identity to it, and name it in auth.client_id when it has several"


class Identity(Struct, frozen=True):
    """A token, and where it was given: fields of Vault's login, of which some may be missing."""

    token: Secret
    login_fields: Mapping[str, str]


async def find_identity(resource: str, client_id: str | None) -> Identity:
    """Get a token for `resource` by the first way that the environment names.

    Raises FaultError.
    """
    if file := variable("AZURE_FEDERATED_TOKEN_FILE"):
        assertion = file_of("AZURE_FEDERATED_TOKEN_FILE", file)
        return Identity(await _workload_identity(assertion, resource, client_id), {})
    if named := both("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        token = await _app_identity(named[0], resource, client_id)
        return Identity(token, _app(token))
    return await _machine_identity(resource, client_id)


async def _workload_identity(assertion: Secret, resource: str, client_id: str | None) -> Secret:
    client_id = client_id or variable("AZURE_CLIENT_ID")
    tenant = variable("AZURE_TENANT_ID")
    if client_id is None or tenant is None:
        missing = "AZURE_TENANT_ID" if tenant is None else "AZURE_CLIENT_ID"
        hint = "give the pod the label azure.workload.identity/use, or set it"
        raise unusable(f"{missing} is missing beside AZURE_FEDERATED_TOKEN_FILE: {hint}")
    named = "AZURE_AUTHORITY_HOST"
    host = url_of(named, variable(named) or "https://login.microsoftonline.com").geturl()
    service = Service(
        "Entra ID", host.rstrip("/"), near=False, when_silent="may this machine reach it?"
    )
    fields = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": _ASSERTION,
        "client_assertion": assertion.reveal(),
        # A slash at the resource's end stays: it is in the token's audience too.
        "scope": f"{resource}/.default",
    }
    reply = await ask(
        service,
        f"/{tenant}/oauth2/v2.0/token",
        method="POST",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        content=urlencode(fields).encode(),
    )
    hint = "has the identity a federated credential for this service account's issuer and subject?"
    return _token(service, reply, hint)


async def _app_identity(endpoint: str, resource: str, client_id: str | None) -> Secret:
    parts = local_url_of("IDENTITY_ENDPOINT", endpoint)
    service = Service("the app's identity endpoint", f"{parts.scheme}://{parts.netloc}")
    header = secret_variable("IDENTITY_HEADER")
    query = _query("2019-08-01", resource, client_id)
    headers = {"X-IDENTITY-HEADER": header.reveal() if header is not None else ""}
    reply = await ask(service, f"{parts.path}?{query}", headers=headers)
    return _token(service, reply, _ASSIGN)


async def _machine_identity(resource: str, client_id: str | None) -> Identity:
    service = Service(
        "the instance metadata service",
        MACHINE,
        when_silent="does this run on Azure? A pod needs a workload identity instead",
    )
    metadata = {"Metadata": "true"}
    query = _query("2018-02-01", resource, client_id)
    reply = await ask(service, f"/metadata/identity/oauth2/token?{query}", headers=metadata)
    token = _token(service, reply, _ASSIGN)
    path = "/metadata/instance/compute?api-version=2021-02-01&format=json"
    reply = await ask(service, path, headers=metadata)
    if not reply.ok:
        raise refusal(service, reply, "does this run on an Azure virtual machine?")
    fields = {
        "subscription_id": "subscriptionId",
        "resource_group_name": "resourceGroupName",
        "vm_name": "name",
        "vmss_name": "vmScaleSetName",
    }
    machine = reply.table
    login_fields = {ours: machine.get(theirs) for ours, theirs in fields.items()}
    return Identity(token, {name: text for name, text in login_fields.items() if _is_text(text)})


def _query(version: str, resource: str, client_id: str | None) -> str:
    query = {"api-version": version, "resource": resource}
    if client_id is not None:
        query["client_id"] = client_id
    return urlencode(query)


def _token(service: Service, reply: Reply, hint: str) -> Secret:
    token = reply.table.get("access_token")
    if reply.status != HTTPStatus.OK:
        raise refusal(service, reply, hint)
    if not _is_text(token):
        raise fault(service, "answers without an access token")
    return known(token)


def _app(token: Secret) -> dict[str, str]:
    """Read from the token's claims which resource it was given to: the variables don't say it."""
    claims = _claims(token)
    for name in ("xms_az_rid", "xms_mirid"):  # the resource; the identity, which may be its own
        resource_id = claims.get(name)
        if _is_text(resource_id) and (found := _RESOURCE.fullmatch(resource_id)):
            return {
                "subscription_id": found[1],
                "resource_group_name": found[2],
                "resource_id": resource_id,
            }
    return {}


def _claims(token: Secret) -> dict[str, Any]:
    """Read a JWT without checking it: Vault does."""
    try:
        payload = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""
