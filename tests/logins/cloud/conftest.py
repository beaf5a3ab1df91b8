from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from freshkey.vault.login import gcp
from freshkey.vault.login.identity_http import Service

from testbed.binaries import GCP_PLUGIN, binary
from tests.logins.cloud.google import Google
from tests.logins.cloud.sts import Sts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.vault import VaultServer


@pytest.fixture(scope="session")
def sts_server() -> Iterator[Sts]:
    with Sts() as server:
        yield server


@pytest.fixture
def sts(sts_server: Sts) -> Sts:
    sts_server.secrets.clear()
    sts_server.hosts.clear()
    return sts_server


@pytest.fixture(scope="session")
def google_server(
    vault_with_plugins: VaultServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Google]:
    """Google, with Vault's plugin registered so that it knows its way there."""
    with Google() as google:
        google.install()
        file = tmp_path_factory.mktemp("google") / "credentials.json"
        file.write_text(google.application_credentials())
        digest = sha256(binary(GCP_PLUGIN).read_bytes()).hexdigest()
        env = [f"GOOGLE_APPLICATION_CREDENTIALS={file}"]
        fields = {"sha256": digest, "command": GCP_PLUGIN, "env": env}
        vault_with_plugins.request("PUT", "sys/plugins/catalog/auth/gcp", fields)
        yield google


@pytest.fixture
def google(google_server: Google, monkeypatch: pytest.MonkeyPatch) -> Google:
    google_server.requests.clear()
    monkeypatch.setenv("GCE_METADATA_HOST", google_server.address.removeprefix("http://"))
    monkeypatch.setattr(gcp, "IAM", Service("Google's IAM", google_server.address))
    return google_server


@pytest.fixture(autouse=True)
def _nothing_of_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GCE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
