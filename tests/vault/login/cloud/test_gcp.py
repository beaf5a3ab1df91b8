"""Google's metadata server and IAM, stood in for as documented, and what Vault is sent.

Vault's own plugin is asked in tests/logins/cloud.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import redact_text
from freshkey.settings.auth import GcpAuth, GcpType
from freshkey.vault.login import gcp
from freshkey.vault.login.identity_http import Service

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    from tests.vault.login.cloud.standin import Cloud

ACCOUNTS = "/computeMetadata/v1/instance/service-accounts"
IDENTITY = "identity?audience=http%3A%2F%2Fvault%2Fagent&format=full"
ACCOUNT = "agent@project-1.iam.gserviceaccount.com"
SIGN = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt"
FLAVOR = {"Metadata-Flavor": "Google"}


def metadata(content: bytes, status: int = 200) -> bytes:
    return answer(status, content, content_type="text/html", headers=FLAVOR)


@pytest.fixture
def google(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("GCE_METADATA_HOST", cloud.address.removeprefix("http://"))
    monkeypatch.setattr(gcp, "IAM", Service("Google's IAM", cloud.address))
    token = {"access_token": "ya29.of-the-instance", "expires_in": 3000, "token_type": "Bearer"}
    cloud.routes |= {
        f"GET {ACCOUNTS}/default/{IDENTITY}": metadata(b"identity.of-the.instance\n"),
        f"GET {ACCOUNTS}/default/email": metadata(ACCOUNT.encode()),
        f"GET {ACCOUNTS}/default/token": answer(body=token, headers=FLAVOR),
        f"POST {SIGN}": answer(body={"keyId": "1", "signedJwt": "jwt.signed-by.iam"}),
    }
    return cloud


async def log_in(vault: ScriptedServer, **options: Any) -> object:  # noqa: ANN401 - any option
    """Return what Vault was sent."""
    auth = GcpAuth(role="agent", **options)
    client = make_client(vault.address, auth, namespace="team/a")
    login = await client.log_in(None, lambda _: None)
    assert login.token == Secret("hvs.of-the-cloud")
    [sent] = vault.requests
    assert sent.line == f"POST /v1/auth/{auth.mount}/login HTTP/1.1"
    assert sent.headers["x-vault-namespace"] == "team/a"
    return json.loads(sent.body)


async def fault_of(vault: ScriptedServer, **options: Any) -> Fault:  # noqa: ANN401 - any option
    with pytest.raises(FaultError) as caught:
        await make_client(vault.address, GcpAuth(role="agent", **options)).log_in(None, print)
    return caught.value.fault


async def test_gce(google: Cloud, vault_login: ScriptedServer) -> None:
    sent = await log_in(vault_login, mount="gcp/prod")
    assert sent == {"role": "agent", "jwt": "identity.of-the.instance"}
    assert google.request("GET").headers["metadata-flavor"] == "Google"
    assert redact_text("identity.of-the.instance") == "***"


async def test_gce_with_another_account(google: Cloud, vault_login: ScriptedServer) -> None:
    google.routes[f"GET {ACCOUNTS}/{ACCOUNT}/{IDENTITY}"] = metadata(b"identity.of-an.account")
    sent = await log_in(vault_login, service_account=ACCOUNT)
    assert sent == {"role": "agent", "jwt": "identity.of-an.account"}


async def test_gce_with_an_account_that_is_not_attached(
    google: Cloud, vault_login: ScriptedServer
) -> None:
    account = "nope@project-1.iam.gserviceaccount.com"
    google.routes[f"GET {ACCOUNTS}/{account}/{IDENTITY}"] = metadata(b"<html>", 404)
    fault = await fault_of(vault_login, service_account=account)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.endswith(
        f"knows no service account {account}: attach it to the instance, or correct "
        "auth.service_account"
    )


@pytest.mark.parametrize("type_", GcpType)
async def test_something_else_at_the_metadata_address(
    google: Cloud, vault_login: ScriptedServer, type_: GcpType
) -> None:
    for line in (f"GET {ACCOUNTS}/default/{IDENTITY}", f"GET {ACCOUNTS}/default/token"):
        google.routes[line] = answer(200, b"<html>welcome")
    fault = await fault_of(vault_login, type=type_)
    assert fault.message.endswith("is not Google's: it answers without Metadata-Flavor")
    assert not vault_login.requests


async def test_outside_of_google(
    vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    fault = await fault_of(vault_login)
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message.startswith("the metadata server at http://127.0.0.1:1 can't be reached: ")
    assert fault.message.endswith("does this run on Google Cloud?")


async def test_a_metadata_host_that_holds_a_login(
    vault_login: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "user:hunter2secret@127.0.0.1:1")
    fault = await fault_of(vault_login)
    assert fault.message == "GCE_METADATA_HOST holds a user or password: take it out of the URL"


async def test_iam(google: Cloud, vault_login: ScriptedServer) -> None:
    sent = await log_in(vault_login, type=GcpType.IAM)
    assert sent == {"role": "agent", "jwt": "jwt.signed-by.iam"}
    signing = google.request("POST")
    assert signing.headers["authorization"] == "Bearer ya29.of-the-instance"
    assert signing.headers["content-type"] == "application/json"
    claims = json.loads(json.loads(signing.body)["payload"])
    assert 240 < claims.pop("exp") - time.time() <= 300
    assert claims == {"sub": ACCOUNT, "aud": "http://vault/agent"}
    assert redact_text("ya29.of-the-instance") == "***"


async def test_iam_with_another_account(google: Cloud, vault_login: ScriptedServer) -> None:
    other = "other@project-1.iam.gserviceaccount.com"
    signed = answer(body={"signedJwt": "jwt.of-the.other"})
    google.routes[f"POST {SIGN.replace(ACCOUNT, other)}"] = signed
    sent = await log_in(vault_login, type=GcpType.IAM, service_account=other)
    assert sent == {"role": "agent", "jwt": "jwt.of-the.other"}
    payload = json.loads(json.loads(google.request("POST").body)["payload"])
    assert payload["sub"] == other


async def test_iam_that_may_not_sign(google: Cloud, vault_login: ScriptedServer) -> None:
    message = "Permission 'iam.serviceAccounts.signJwt' denied on resource"
    error = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
    google.routes[f"POST {SIGN}"] = answer(403, error)
    fault = await fault_of(vault_login, type=GcpType.IAM)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(
        f"Google's IAM answers 403: {message}: the instance's account needs "
        f"roles/iam.serviceAccountTokenCreator on {ACCOUNT}, "
    )


def test_where_google_is() -> None:
    assert gcp.IAM.url == "https://iamcredentials.googleapis.com"
    assert not gcp.IAM.near
