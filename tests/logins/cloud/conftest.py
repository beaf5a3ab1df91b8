from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from testbed.binaries import AWS_PLUGIN, GCP_PLUGIN
from testbed.vault import VaultServer
from tests.logins.cloud.sts import Sts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud_vault() -> Iterator[VaultServer]:
    with VaultServer(auth_plugins=(AWS_PLUGIN, GCP_PLUGIN)) as server:
        yield server


@pytest.fixture(scope="session")
def sts_server() -> Iterator[Sts]:
    with Sts() as server:
        yield server


@pytest.fixture
def sts(sts_server: Sts) -> Sts:
    sts_server.secrets.clear()
    sts_server.hosts.clear()
    return sts_server


@pytest.fixture(autouse=True)
def _nothing_of_a_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GCE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
