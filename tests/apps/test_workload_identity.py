"""The openai package's own workload identity, in the version of applications, at the emulator."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed.federation import enable_identity_tokens, entity_of, federate
from tests.apps.page import APPS

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer

pytestmark = pytest.mark.apps

PROGRAM = """
import json, sys
from openai import OpenAI
told = json.load(sys.stdin)
provider = {"token_type": "jwt", "get_token": lambda: told["identity"]}
client = OpenAI(
    base_url=told["base_url"],
    max_retries=0,
    workload_identity={
        "identity_provider_id": told["provider_id"],
        "service_account_id": told["account_id"],
        "provider": provider,
    },
)
client._workload_identity_auth.token_exchange_url = told["exchange_url"]
print(client.responses.create(model="workload-identity", input="hello").output_text)
try:
    provider["get_token"] = lambda: told["identity"][:-9]
    client._workload_identity_auth.invalidate_token()
    client.models.list()
except Exception as error:
    print(type(error).__name__, error.error, error)
"""


def test_it_takes_the_emulator_for_openai(vault: VaultServer, openai_server: OpenAIServer) -> None:
    mount = "federation-apps"
    project = openai_server.create_project(mount)
    vault.write_policy(mount, f'path "identity/oidc/token/{mount}" {{ capabilities = ["read"] }}')
    role_id, secret_id = vault.approle(mount, [mount])
    issuer = enable_identity_tokens(vault, mount)
    account = federate(openai_server, project, issuer, {"sub": entity_of(vault, mount, role_id)})
    fields = {"role_id": role_id, "secret_id": secret_id}
    token = vault.request("POST", f"auth/{mount}/login", fields)["auth"]["client_token"]
    identity = vault.request("GET", f"identity/oidc/token/{mount}", token=token)["data"]["token"]
    told = {
        "identity": identity,
        "base_url": openai_server.base_url,
        "exchange_url": openai_server.exchange_url,
        "provider_id": account.provider_id,
        "account_id": account.account_id,
    }
    done = subprocess.run(
        [APPS, "-c", PROGRAM],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "The key works."
    assert lines[1].startswith("OAuthError invalid_subject_token The ")
    vault.request("DELETE", f"sys/auth/{mount}")
