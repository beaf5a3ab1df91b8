"""Azure's metadata service, Entra ID, and Vault's login, each stood in for as documented.

Vault's own plugin is not run here: it takes keys from Microsoft alone.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from freshkey.core.faults import Fault, FaultError, FaultKind
from freshkey.core.secret import Secret
from freshkey.logs.redact import redact_text
from freshkey.settings.auth import AzureAuth
from freshkey.vault.login import azure_identity

from tests.vault.cloud.standin import ACCEPTED, Cloud
from tests.vault.conftest import make_client
from tests.vault.servers import OddServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESOURCE = "https%3A%2F%2Fmanagement.azure.com%2F"
TOKEN = f"/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}"
INSTANCE = "/metadata/instance/compute?api-version=2021-02-01&format=json"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
MACHINE = {
    "subscriptionId": SUBSCRIPTION,
    "resourceGroupName": "billing-rg",
    "name": "vm-7",
    "vmScaleSetName": "",
    "location": "westeurope",
}
APP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/billing-rg/providers/Microsoft.Web/sites/bill"


def jwt(**claims: str) -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": "https://management.azure.com/", **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "c2lnbmF0dXJl"])


def token(value: str, **fields: str) -> bytes:
    return answer(body={"access_token": value, "token_type": "Bearer", **fields})


@pytest.fixture
def vault_login() -> Iterator[OddServer]:
    with OddServer(ACCEPTED) as server:
        yield server


@pytest.fixture
def machine(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(azure_identity, "MACHINE", cloud.address)
    cloud.routes |= {f"GET {TOKEN}": token(jwt(oid="1")), f"GET {INSTANCE}": answer(body=MACHINE)}
    return cloud


async def log_in(vault: OddServer, **options: Any) -> dict[str, str]:  # noqa: ANN401 - any option
    """Return what Vault was sent."""
    auth = AzureAuth(role="agent", **options)
    login = await make_client(vault.address, auth).log_in(None, lambda _: None)
    assert login.token == Secret("hvs.of-the-cloud")
    [sent] = vault.requests
    assert sent.line == f"POST /v1/auth/{auth.mount}/login HTTP/1.1"
    body: dict[str, str] = json.loads(sent.body)
    assert body.pop("role") == "agent"
    return body


async def fault_of(vault: OddServer, **options: Any) -> Fault:  # noqa: ANN401 - any option
    auth = AzureAuth(role="agent", **options)
    with pytest.raises(FaultError) as caught:
        await make_client(vault.address, auth).log_in(None, lambda _: None)
    return caught.value.fault


async def test_machine(machine: Cloud, vault_login: OddServer) -> None:
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


async def test_machine_of_a_scale_set(machine: Cloud, vault_login: OddServer) -> None:
    machine.routes[f"GET {INSTANCE}"] = answer(body=MACHINE | {"vmScaleSetName": "set-1"})
    sent = await log_in(vault_login, mount="az/prod")
    assert (sent["vm_name"], sent["vmss_name"]) == ("vm-7", "set-1")


async def test_machine_with_an_identity_of_its_users(
    machine: Cloud, vault_login: OddServer
) -> None:
    other = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fvault"
    machine.routes[f"{other}&client_id=1-2-3"] = token("other.token")
    sent = await log_in(vault_login, resource="api://vault", client_id="1-2-3")
    assert sent["jwt"] == "other.token"


async def test_machine_without_an_identity(machine: Cloud, vault_login: OddServer) -> None:
    words = {"error": "invalid_request", "error_description": "Identity not found"}
    machine.routes[f"GET {TOKEN}"] = answer(400, words)
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        "the instance metadata service answers 400: Identity not found: assign an identity to it, "
        "and name it in auth.client_id when it has several"
    )


async def test_machine_that_is_asked_too_often(machine: Cloud, vault_login: OddServer) -> None:
    machine.routes[f"GET {TOKEN}"] = answer(429, {"error": "Too many requests"})
    assert (await fault_of(vault_login)).kind is FaultKind.UPSTREAM


async def test_outside_of_azure(vault_login: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_identity, "MACHINE", "http://127.0.0.1:1")
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message.endswith("does this run on Azure? A pod needs a workload identity instead")


@pytest.fixture
def workload(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "azure-identity-token"
    file.write_text("eyJh.eyJz.of-the-pod")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{cloud.address}/")
    monkeypatch.setenv("AZURE_TENANT_ID", "tenant-1")
    monkeypatch.setenv("AZURE_CLIENT_ID", "client-1")
    return file


async def test_workload(cloud: Cloud, workload: Path, vault_login: OddServer) -> None:
    cloud.routes["POST /tenant-1/oauth2/v2.0/token"] = token("token.of-the.workload")
    assert await log_in(vault_login) == {"jwt": "token.of-the.workload"}
    assert parse_qs(cloud.request("POST").body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-1"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
        "client_assertion": ["eyJh.eyJz.of-the-pod"],
        "scope": ["https://management.azure.com//.default"],
    }


async def test_workload_of_another_client(
    cloud: Cloud, workload: Path, vault_login: OddServer
) -> None:
    cloud.routes["POST /tenant-1/oauth2/v2.0/token"] = token("token.of-the.workload")
    await log_in(vault_login, client_id="client-2")
    assert parse_qs(cloud.request("POST").body.decode())["client_id"] == ["client-2"]


async def test_workload_that_entra_refuses(
    cloud: Cloud, workload: Path, vault_login: OddServer
) -> None:
    words = "AADSTS70021: No matching federated identity record found"
    cloud.routes["POST /tenant-1/oauth2/v2.0/token"] = answer(
        401, {"error": "invalid_client", "error_description": words}
    )
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(f"Entra ID answers 401: {words}: has the identity a federated")


@pytest.mark.parametrize("name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"])
async def test_workload_without(
    workload: Path, vault_login: OddServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    fault = await fault_of(vault_login)
    assert fault.message.startswith(f"{name} is missing beside AZURE_FEDERATED_TOKEN_FILE: ")


async def test_workload_whose_authority_is_in_the_clear(
    workload: Path, vault_login: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://login.example.org")
    fault = await fault_of(vault_login)
    assert fault.message.startswith("Entra ID at http://login.example.org would be sent")


@pytest.mark.parametrize("name", ["AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT"])
async def test_address_that_is_none(
    workload: Path, vault_login: OddServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "IDENTITY_ENDPOINT":
        monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
        monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-app")
    monkeypatch.setenv(name, "https://[")
    fault = await fault_of(vault_login)
    assert fault.message == f"{name} is no URL of http or https: correct it"


@pytest.mark.parametrize(
    ("claims", "place"),
    [
        ({"xms_mirid": APP}, APP),
        ({"xms_mirid": f"{APP[:77]}/userAssignedIdentities/me", "xms_az_rid": APP}, APP),
        ({"xms_mirid": "nonsense"}, None),
        ({}, None),
    ],
)
async def test_app(
    cloud: Cloud,
    vault_login: OddServer,
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, str],
    place: str | None,
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{cloud.address}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-app")
    path = f"/msi/token?api-version=2019-08-01&resource={RESOURCE}"
    cloud.routes[f"GET {path}"] = token(jwt(**claims))
    sent = await log_in(vault_login)
    assert sent.pop("jwt") == jwt(**claims)
    if place is None:
        assert sent == {}
    else:
        assert sent == {
            "subscription_id": SUBSCRIPTION,
            "resource_group_name": "billing-rg",
            "resource_id": place,
        }
    assert cloud.request("GET").headers["x-identity-header"] == "header-of-the-app"
    assert redact_text("header-of-the-app") == "***"


@pytest.mark.parametrize(
    ("words", "todo"),
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
async def test_what_the_plugin_refuses(machine: Cloud, words: str, todo: str) -> None:
    body = {"errors": [f"1 error occurred:\n\t* {words}\n\n"]}
    with OddServer(answer(500, body)) as vault:  # its refusals come as a 500
        fault = await fault_of(vault)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"Vault refuses auth/azure/login ({words}): {todo}; "
        "the token was for https://management.azure.com/"
    )


async def test_a_failure_of_the_plugin_is_no_outage_of_vault(machine: Cloud) -> None:
    with OddServer(answer(500, {"errors": ["something else"]})) as vault:
        fault = await fault_of(vault)
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message == "Vault failed at auth/azure/login: something else"


def test_the_metadata_address_is_that_of_azure() -> None:
    assert urlsplit(azure_identity.MACHINE).netloc == "169.254.169.254"
