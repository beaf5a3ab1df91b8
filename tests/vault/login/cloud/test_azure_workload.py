"""Tokens of pods and apps, stood in for as Entra ID and App Service document them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from freshkey.core.model.faults import FaultKind
from freshkey.logs.redact import redact_text

from tests.vault.login.cloud.azure import RESOURCE, SUBSCRIPTION, fault_of, jwt, log_in, token
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vault.login.cloud.standin import Cloud

APP = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/billing-rg/providers/Microsoft.Web/sites/bill"


@pytest.fixture
def workload(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "azure-identity-token"
    file.write_text("eyJh.eyJz.of-the-pod")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{cloud.address}/")
    monkeypatch.setenv("AZURE_TENANT_ID", "tenant-1")
    monkeypatch.setenv("AZURE_CLIENT_ID", "client-1")
    return file


async def test_workload(cloud: Cloud, workload: Path, vault_login: ScriptedServer) -> None:
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
    cloud: Cloud, workload: Path, vault_login: ScriptedServer
) -> None:
    cloud.routes["POST /tenant-1/oauth2/v2.0/token"] = token("token.of-the.workload")
    await log_in(vault_login, client_id="client-2")
    assert parse_qs(cloud.request("POST").body.decode())["client_id"] == ["client-2"]


async def test_workload_that_entra_refuses(
    cloud: Cloud, workload: Path, vault_login: ScriptedServer
) -> None:
    description = "AADSTS70021: No matching federated identity record found"
    cloud.routes["POST /tenant-1/oauth2/v2.0/token"] = answer(
        401, {"error": "invalid_client", "error_description": description}
    )
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(
        f"Entra ID answers 401: {description}: has the identity a federated"
    )


@pytest.mark.parametrize("name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"])
async def test_workload_without(
    workload: Path, vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    fault = await fault_of(vault_login)
    assert fault.message.startswith(f"{name} is missing beside AZURE_FEDERATED_TOKEN_FILE: ")


async def test_workload_whose_authority_is_in_the_clear(
    workload: Path, vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://login.example.org")
    fault = await fault_of(vault_login)
    assert fault.message.startswith("Entra ID at http://login.example.org would be sent")


@pytest.mark.parametrize("name", ["AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT"])
async def test_address_that_is_none(
    workload: Path, vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "IDENTITY_ENDPOINT":
        monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
        monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-app")
    monkeypatch.setenv(name, "https://[")
    fault = await fault_of(vault_login)
    assert fault.message == f"{name} is not a URL of http or https: correct it"


async def test_app_whose_endpoint_is_in_the_clear(
    vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://192.0.2.1/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header-of-the-app")
    fault = await fault_of(vault_login)
    assert fault.message.startswith("IDENTITY_ENDPOINT would send a credential in the clear: ")


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
    vault_login: ScriptedServer,
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
