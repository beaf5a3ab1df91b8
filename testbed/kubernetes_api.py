"""Kubernetes' HTTP API, as far as tests need it: namespaces, service accounts, and their tokens.

https://kubernetes.io/docs/reference/kubernetes-api/
"""

import json
import ssl
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class KubernetesError(Exception):
    """The API server's refusal: `status` is HTTP's."""

    def __init__(self, request: str, status: int, message: str) -> None:
        super().__init__(f"{request}: HTTP {status}: {message}")
        self.status = status


class KubernetesAPI(ABC):
    """Calls with one token, an administrator's."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token

    @property
    @abstractmethod
    def ca_file(self) -> Path:
        """What signs the server's certificate, as PEM."""

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Return the decoded answer of PATH, {} for one that is not JSON.

        Raises KubernetesError for a status of 400 or more, OSError when there is no answer.
        """
        tls = ssl.create_default_context(cafile=self.ca_file)
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            f"{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        # Proxies of the environment are not for servers on the loopback interface.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )
        try:
            with opener.open(request, timeout=10) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            with error:
                message = error.read().decode(errors="replace")
            raise KubernetesError(f"{method} {path}", error.code, message[:300]) from None
        return json.loads(answer) if answer.startswith(b"{") else {}

    def create_namespace(self, name: str) -> None:
        """Create a namespace."""
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def create_account(self, namespace: str, name: str) -> None:
        """Create a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.request("POST", path, {"metadata": {"name": name}})

    def issue(
        self, namespace: str, name: str, audiences: Sequence[str] = (), seconds: int = 600
    ) -> str:
        """Have a service account's token issued, as the kubelet does; 600 s is the least.

        https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
        """
        answer = self.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {"spec": {"audiences": [*audiences], "expirationSeconds": seconds}},
        )
        return str(answer["status"]["token"])

    def allow_discovery(self) -> None:
        """Let everybody read the issuer's public keys, as a cluster does whose issuer is public.

        https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
        """
        group = "rbac.authorization.k8s.io"
        self.request(
            "POST",
            f"/apis/{group}/v1/clusterrolebindings",
            {
                "metadata": {"name": "public-issuer"},
                "roleRef": {
                    "apiGroup": group,
                    "kind": "ClusterRole",
                    "name": "system:service-account-issuer-discovery",
                },
                "subjects": [
                    {"apiGroup": group, "kind": "Group", "name": "system:unauthenticated"}
                ],
            },
        )

    def allow_token_review(self, namespace: str, name: str) -> None:
        """Let a service account review tokens, as Vault's has to."""
        group = "rbac.authorization.k8s.io"
        self.request(
            "POST",
            f"/apis/{group}/v1/clusterrolebindings",
            {
                "metadata": {"name": f"{namespace}-{name}-reviews"},
                "roleRef": {
                    "apiGroup": group,
                    "kind": "ClusterRole",
                    "name": "system:auth-delegator",
                },
                "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
            },
        )
