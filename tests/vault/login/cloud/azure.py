"""What the tests of method azure share."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from freshkey.core.model.faults import Fault, FaultError
from freshkey.core.model.secret import Secret
from freshkey.settings.auth import AzureAuth

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

RESOURCE = "https%3A%2F%2Fmanagement.azure.com%2F"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def jwt(**claims: str) -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": "https://management.azure.com/", **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "c2lnbmF0dXJl"])


def token(value: str, **fields: str) -> bytes:
    return answer(body={"access_token": value, "token_type": "Bearer", **fields})


async def log_in(vault: ScriptedServer, **options: Any) -> dict[str, str]:  # noqa: ANN401 - any option
    """Return what Vault was sent."""
    auth = AzureAuth(role="agent", **options)
    client = make_client(vault.address, auth, namespace="team/a")
    login = await client.log_in(None, lambda _: None)
    assert login.token == Secret("hvs.of-the-cloud")
    [sent] = vault.requests
    assert sent.line == f"POST /v1/auth/{auth.mount}/login HTTP/1.1"
    assert sent.headers["x-vault-namespace"] == "team/a"
    body: dict[str, str] = json.loads(sent.body)
    assert body.pop("role") == "agent"
    return body


async def fault_of(vault: ScriptedServer, **options: Any) -> Fault:  # noqa: ANN401 - any option
    auth = AzureAuth(role="agent", **options)
    with pytest.raises(FaultError) as caught:
        await make_client(vault.address, auth).log_in(None, lambda _: None)
    return caught.value.fault
