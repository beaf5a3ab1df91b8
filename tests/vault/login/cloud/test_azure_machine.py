"""Azure's metadata service, Entra ID, and Vault's login, each stood in for as documented.

Vault's own plugin is not run here: it takes keys from Microsoft alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from freshkey.core.model.faults import FaultKind
from freshkey.logs.redact import redact_text
from freshkey.vault.login import azure_identity

from tests.vault.login.cloud.azure import RESOURCE, SUBSCRIPTION, fault_of, jwt, log_in, token
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from tests.vault.login.cloud.standin import Cloud

TOKEN = f"/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}"
INSTANCE = "/metadata/instance/compute?api-version=2021-02-01&format=json"
MACHINE = {
    "subscriptionId": SUBSCRIPTION,
    "resourceGroupName": "billing-rg",
    "name": "vm-7",
    "vmScaleSetName": "",
    "location": "westeurope",
}


@pytest.fixture
def machine(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(azure_identity, "MACHINE", cloud.address)
    cloud.routes |= {f"GET {TOKEN}": token(jwt(oid="1")), f"GET {INSTANCE}": answer(body=MACHINE)}
    return cloud


async def test_machine(machine: Cloud, vault_login: ScriptedServer) -> None:
    assert await log_in(vault_login) == {
        "jwt": jwt(oid="1"),
        "subscription_id": SUBSCRIPTION,
        "resource_group_name": "billing-rg",
        "vm_name": "vm-7",
    }
    assert [request.line for request in machine.requests] == [
        f"GET {TOKEN} HTTP/1.1",
        f"GET {INSTANCE} HTTP/1.1",
    ]
    assert all(request.headers["metadata"] == "true" for request in machine.requests)
    assert redact_text(jwt(oid="1")) == "***"


async def test_machine_of_a_scale_set(machine: Cloud, vault_login: ScriptedServer) -> None:
    machine.routes[f"GET {INSTANCE}"] = answer(body=MACHINE | {"vmScaleSetName": "set-1"})
    sent = await log_in(vault_login, mount="az/prod")
    assert (sent["vm_name"], sent["vmss_name"]) == ("vm-7", "set-1")


async def test_machine_with_an_identity_of_its_users(
    machine: Cloud, vault_login: ScriptedServer
) -> None:
    other = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fvault"
    machine.routes[f"{other}&client_id=1-2-3"] = token("other.token")
    sent = await log_in(vault_login, resource="api://vault", client_id="1-2-3")
    assert sent["jwt"] == "other.token"


async def test_machine_without_an_identity(machine: Cloud, vault_login: ScriptedServer) -> None:
    error = {"error": "invalid_request", "error_description": "Identity not found"}
    machine.routes[f"GET {TOKEN}"] = answer(400, error)
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        "the instance metadata service answers 400: Identity not found: assign an identity to it, "
        "and name it in auth.client_id when it has several"
    )


async def test_machine_that_is_asked_too_often(machine: Cloud, vault_login: ScriptedServer) -> None:
    machine.routes[f"GET {TOKEN}"] = answer(429, {"error": "Too many requests"})
    assert (await fault_of(vault_login)).kind is FaultKind.UPSTREAM


async def test_outside_of_azure(
    vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure_identity, "MACHINE", "http://127.0.0.1:1")
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message.endswith("does this run on Azure? A pod needs a workload identity instead")


@pytest.mark.parametrize(
    ("error", "todo"),
    [  # as vault-plugin-auth-azure 0.22 was seen to say it
        (
            'oidc: expected audience "https://management.azure.com/" got ["https://vault"]',
            "set auth.resource to the resource of the mount's config, / included",
        ),
        (
            'oidc: id token issued by a different provider, expected "A" got "B"',
            "set the mount's tenant_id to this identity's tenant",
        ),
        (
            "oidc: token is expired (Token Expiry: 2026-11-24 10:54:29 +0000 UTC)",
            "correct this machine's clock",
        ),
        (
            "oidc: current time 2026-11-24 11:54:29 +0000 UTC before the nbf (not before) time: T",
            "correct the clock of Vault's host",
        ),
        (
            "service principal not authorized: oid-2",
            "put that id into the role's bound_service_principal_ids",
        ),
        (
            "groups not authorized: []",
            "put one of the identity's groups into the role's bound_group_ids",
        ),
        (
            "subscription_id and resource_group_name are required",
            "bind the role by bound_service_principal_ids alone: this identity names no machine",
        ),
        ("subscription not authorized", "correct that bound of the role"),
    ],
)
async def test_what_the_plugin_refuses(machine: Cloud, error: str, todo: str) -> None:
    body = {"errors": [f"1 error occurred:\n\t* {error}\n\n"]}
    with ScriptedServer(answer(500, body)) as vault:  # its refusals come as a 500
        fault = await fault_of(vault)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"Vault refuses auth/azure/login ({error}): {todo}; "
        "the token was for https://management.azure.com/"
    )


async def test_a_failure_of_the_plugin_is_no_outage_of_vault(machine: Cloud) -> None:
    with ScriptedServer(answer(500, {"errors": ["something else"]})) as vault:
        fault = await fault_of(vault)
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message == "Vault failed at auth/azure/login: something else"


def test_the_metadata_address_is_that_of_azure() -> None:
    assert urlsplit(azure_identity.MACHINE).netloc == "169.254.169.254"
