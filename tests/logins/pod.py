"""Method kubernetes, and the pod that logs in by it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError
from freshkey.settings.auth import KubernetesAuth

from testbed.kubernetes import KubernetesServer
from testbed.vault import VaultServer
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login

_NUMBERS = count(1)


@dataclass(frozen=True)
class Mount:
    """The method at a mount of its own, and a pod's volume with the token."""

    vault: VaultServer
    kubernetes: KubernetesServer
    name: str
    volume: Path

    @property
    def file(self) -> Path:
        return self.volume / "token"

    def config(self, **config: object) -> None:
        usual: dict[str, object] = {
            "kubernetes_host": self.kubernetes.address,
            "kubernetes_ca_cert": self.kubernetes.ca_file.read_text(),
            "token_reviewer_jwt": self.kubernetes.issue("vault", "vault"),
            "disable_local_ca_jwt": True,
        }
        self.vault.request("POST", f"auth/{self.name}/config", usual | config)

    def role(self, name: str = "agent", **settings: object) -> None:
        usual: dict[str, object] = {
            "bound_service_account_names": ["billing"],
            "bound_service_account_namespaces": ["shop"],
            "audience": "vault",
            "token_policies": ["default"],
            "token_ttl": "60s",
        }
        self.vault.request("POST", f"auth/{self.name}/role/{name}", usual | settings)

    def token(self, namespace: str = "shop", name: str = "billing", audience: str = "vault") -> str:
        """Have a token issued; with an empty audience, the API server's own."""
        return self.kubernetes.issue(namespace, name, [audience] if audience else [])

    def project(self, token: str) -> None:
        """Put a token into the volume as the kubelet does: all files change at once."""
        number = next(_NUMBERS)
        data = self.volume / f"..{number}"
        data.mkdir(parents=True)
        (data / "token").write_text(token)
        new = self.volume / "..data_tmp"
        new.symlink_to(data.name)
        new.replace(self.volume / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/token")

    async def log_in(self, **options: Any) -> Login:  # noqa: ANN401 - any option
        usual: dict[str, Any] = {"mount": self.name, "token_file": self.file, "role": "agent"}
        client = make_client(self.vault.address, KubernetesAuth(**(usual | options)))
        return await client.log_in(None, lambda _: pytest.fail("nothing was to be unwrapped"))

    async def refusal(self, token: str, **options: Any) -> Fault:  # noqa: ANN401 - any option
        self.project(token)
        with pytest.raises(FaultError) as caught:
            await self.log_in(**options)
        fault = caught.value.fault
        assert "\n" not in fault.message
        assert token not in fault.message
        return fault
