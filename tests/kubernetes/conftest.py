"""A cluster that enforces the profiles of Pod Security, and the image that its pods run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testbed.kubernetes import KubernetesServer
from tests.image.conftest import image  # noqa: F401 - a fixture
from tests.logins.conftest import vault_with_plugins  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kubernetes.manifests import Object

# What the API calls the objects of a kind, and whether they are in a namespace.
RESOURCES = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Namespace": ("/api/v1", "namespaces"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "PersistentVolume": ("/api/v1", "persistentvolumes"),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims"),
    "Pod": ("/api/v1", "pods"),
    "PodMonitor": ("/apis/monitoring.coreos.com/v1", "podmonitors"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
}
CLUSTER_WIDE = {"Namespace", "PersistentVolume"}
# Of the Prometheus operator's own definition, as much as the manifest uses.
POD_MONITORS: dict[str, Any] = {
    "metadata": {"name": "podmonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {"kind": "PodMonitor", "plural": "podmonitors"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["selector"],
                                "properties": {
                                    "selector": {
                                        "type": "object",
                                        "properties": {
                                            "matchLabels": {
                                                "type": "object",
                                                "additionalProperties": {"type": "string"},
                                            }
                                        },
                                    },
                                    "podMetricsEndpoints": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "properties": {"port": {"type": "string"}},
                                        },
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


class Cluster:
    """The real API server; `dry_run` creates an object as a dry run, and refuses unknown fields."""

    def __init__(self, server: KubernetesServer) -> None:
        self.server = server

    def dry_run(self, thing: Object) -> None:
        """Raise KubernetesError when the server would not take it."""
        prefix, plural = RESOURCES[thing["kind"]]
        namespace = thing["metadata"].get("namespace", "billing")
        place = "" if thing["kind"] in CLUSTER_WIDE else f"/namespaces/{namespace}"
        path = f"{prefix}{place}/{plural}?dryRun=All&fieldValidation=Strict"
        self.server.request("POST", path, thing)

    def create_namespace(self, name: str, profile: str) -> None:
        labels = {"pod-security.kubernetes.io/enforce": profile}
        body = {"metadata": {"name": name, "labels": labels}}
        self.server.request("POST", "/api/v1/namespaces", body)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with KubernetesServer() as server:
        made = Cluster(server)
        for name, profile in (
            ("billing", "restricted"),
            ("baseline", "baseline"),
            ("freshkey", "privileged"),
            ("vault", "privileged"),
        ):
            made.create_namespace(name, profile)
        server.create_account("billing", "billing")
        server.create_account("freshkey", "freshkey-node")
        server.create_account("vault", "vault")
        server.allow_token_review("vault", "vault")
        definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        server.request("POST", definitions, POD_MONITORS)
        yield made
