"""The pages on aws and gcp: their commands set Vault up for their examples.

Azure's are not run: its plugin builds in eight minutes, and takes keys from Microsoft alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from freshkey.settings.auth import AzureAuth

from tests.logins.pages import run_commands, settings
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.vault import VaultServer
    from tests.logins.cloud.google import Google
    from tests.logins.cloud.sts import Sts

pytestmark = pytest.mark.logins


async def test_aws(
    vault_with_plugins: VaultServer, sts: Sts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_commands("aws", vault_with_plugins, tmp_path)
    away = {"sts_endpoint": sts.address, "sts_region": "us-east-1"}  # the only change
    vault_with_plugins.request("POST", "auth/aws/config/client", away)
    (tmp_path / "token").write_text("eyJh.eyJz.c2ln")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/billing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.address)
    client = make_client(vault_with_plugins.address, settings("aws", tmp_path))
    assert (await client.log_in(None, lambda _: None)).duration == 3600


async def test_gcp(vault_with_plugins: VaultServer, google: Google, tmp_path: Path) -> None:
    run_commands("gcp", vault_with_plugins, tmp_path)
    endpoints = dict.fromkeys(("api", "iam", "compute"), google.address)  # the only change
    vault_with_plugins.request("POST", "auth/gcp/config", {"custom_endpoint": endpoints})
    client = make_client(vault_with_plugins.address, settings("gcp", tmp_path))
    assert (await client.log_in(None, lambda _: None)).duration == 3600


def test_azure(tmp_path: Path) -> None:
    assert settings("azure", tmp_path) == AzureAuth(role="billing")
