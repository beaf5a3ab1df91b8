from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.binaries import AWS_PLUGIN, GCP_PLUGIN, KUBERNETES_PLUGIN
from testbed.kubernetes import KubernetesServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def vault_with_plugins() -> Iterator[VaultServer]:
    """A Vault with the login methods that `make testbed-logins` builds."""
    plugins = {"kubernetes": KUBERNETES_PLUGIN, "aws": AWS_PLUGIN, "gcp": GCP_PLUGIN}
    with VaultServer(auth_plugins=plugins) as server:
        yield server


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[KubernetesServer]:
    """A cluster with the namespaces shop, else, and vault; vault's account may review tokens."""
    with KubernetesServer() as server:
        for namespace in ("shop", "else", "vault"):
            server.create_namespace(namespace)
        for namespace, name in (("shop", "billing"), ("shop", "other"), ("else", "billing")):
            server.create_account(namespace, name)
        server.create_account("vault", "vault")
        server.allow_token_review("vault", "vault")
        server.allow_discovery()
        yield server
