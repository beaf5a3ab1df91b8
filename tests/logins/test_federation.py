"""Projected tokens of a real Kubernetes API server, exchanged at OpenAI's emulator; no Vault."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import TYPE_CHECKING

import pytest
import yaml

from testbed.binaries import KUBECTL, binary
from testbed.federation import AUDIENCE, FederatedAccount, federate
from testbed.kubernetes import ISSUER
from tests.agent.harness import Agent, eventually
from tests.docs.pages import commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from testbed.kubernetes import KubernetesServer

pytestmark = pytest.mark.logins

_NUMBERS = count(1)
CONFIG = """
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[keys.billing]
source = "federation"
overlap = "1s"
[keys.billing.federation]
identity_provider_id = "{provider}"
service_account_id = "{account}"
subject = "file"
subject_token_file = "volume/token"
exchange_url = "{exchange_url}"
[keys.billing.verify]
base_url = "{base_url}"
activation_timeout = "1s"
[[keys.billing.files]]
path = "keys/billing"
"""


class Pod:
    """A volume into which the kubelet projects a token, and an agent beside it."""

    def __init__(
        self, kubernetes: KubernetesServer, account: FederatedAccount, directory: Path
    ) -> None:
        self._kubernetes = kubernetes
        self._volume = directory / "volume"
        self.account = account
        self.agent = Agent(directory)
        self.agent.config.write_text(
            CONFIG.format(
                provider=account.provider_id,
                account=account.account_id,
                exchange_url=account.openai.exchange_url,
                base_url=account.openai.base_url,
            )
        )

    def project(self, namespace: str = "shop", name: str = "billing", aud: str = AUDIENCE) -> None:
        """Put a new token into the volume as the kubelet does: by another link."""
        data = self._volume / f"..{next(_NUMBERS)}"
        data.mkdir(parents=True)
        (data / "token").write_text(self._kubernetes.issue(namespace, name, [aud]))
        new = self._volume / "..data_tmp"
        new.symlink_to(data.name)
        new.replace(self._volume / "..data")
        if not (self._volume / "token").is_symlink():
            (self._volume / "token").symlink_to("..data/token")

    def fault(self) -> dict[str, str] | None:
        try:
            fault: dict[str, str] | None = self.agent.status()["last_fault"]
        except OSError:  # it does not listen yet
            return None
        return fault


@pytest.fixture
def pod(
    kubernetes: KubernetesServer, openai_server: OpenAIServer, tmpfs_path: Path
) -> Iterator[Pod]:
    """OpenAI finds the keys of the API server, whose certificate it trusts, by discovery."""
    openai_server.reset()
    openai_server.configure(issuer_ca_file=str(kubernetes.ca_file))
    account = federate(
        openai_server,
        openai_server.create_project("kubernetes"),
        ISSUER,
        {"sub": "system:serviceaccount:shop:billing", "kubernetes.io.namespace": "shop"},
        discovery_url=f"{kubernetes.address}/.well-known/openid-configuration",
    )
    pod = Pod(kubernetes, account, tmpfs_path)
    yield pod
    pod.agent.close()
    openai_server.configure()


def test_a_pod_gets_a_key(pod: Pod) -> None:
    pod.project()
    checked = pod.agent.command("check", "--online")
    assert checked.returncode == 0, checked.stdout
    assert f'issuer "{ISSUER}", subject "system:serviceaccount:shop:billing"' in checked.stdout
    pod.agent.start()
    first = pod.agent.wait_for_key()
    assert pod.agent.key_file.read_text() == first["key"]
    assert 500 < first["expires_in"] <= 600, "no longer than the projected token"
    pod.project()
    pod.agent.post("/v1/keys/billing/rotate")
    pod.agent.wait_for_key(other_than=first["tag"])
    assert not pod.agent.logged("token.logged_in")


def test_another_service_account_or_audience_is_refused(pod: Pod) -> None:
    pod.project(name="other")
    pod.agent.start()
    fault = eventually(pod.fault, "a refusal")
    assert fault["fault"] == "forbidden"
    assert "No service account mapping matches" in fault["message"]
    assert 'subject "system:serviceaccount:shop:other"' in fault["message"]
    pod.project(aud="vault")
    pod.agent.post("/v1/keys/billing/rotate")
    eventually(lambda: "audience of the" in (pod.fault() or {"message": ""})["message"], "words")
    pod.project(namespace="else")
    pod.agent.post("/v1/keys/billing/rotate")
    eventually(lambda: ":else:billing" in (pod.fault() or {"message": ""})["message"], "words")
    pod.project()
    pod.agent.post("/v1/keys/billing/rotate")
    pod.agent.wait_for_key()


def test_the_volume_that_a_pod_needs(kubernetes: KubernetesServer) -> None:
    """Of docs/federation.md: the API server takes it, and the token is for OpenAI."""
    pod = yaml.safe_load(commands("federation-pod"))
    ((source,),) = [volume["projected"]["sources"] for volume in pod["volumes"]]
    assert source["serviceAccountToken"]["audience"] == AUDIENCE
    more = {
        "serviceAccountName": "default",
        "containers": [{"name": "freshkey", "image": "freshkey"}],
    }
    body = {"metadata": {"generateName": "pod-"}, "spec": {**pod, **more}}
    path = "/api/v1/namespaces/default/pods?dryRun=All&fieldValidation=Strict"
    kubernetes.request("POST", path, body)


def test_the_commands_that_tell_the_issuer(kubernetes: KubernetesServer, tmp_path: Path) -> None:
    """Of docs/federation.md, with the real kubectl."""
    config = tmp_path / "kubeconfig"
    arguments: list[str | Path] = [binary(KUBECTL), "--kubeconfig", config, "config"]
    for more in (
        ["set-cluster", "c", "--server", kubernetes.address],
        ["set", "clusters.c.certificate-authority", str(kubernetes.ca_file)],
        ["set-credentials", "u", "--token", kubernetes.token],
        ["set-context", "x", "--cluster", "c", "--user", "u"],
        ["use-context", "x"],
    ):
        subprocess.run([*arguments, *more], check=True, capture_output=True)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands("federation-issuer")],
        env={"PATH": f"{binary(KUBECTL).parent}:{os.defpath}", "KUBECONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = done.stdout
    assert f'"issuer":"{ISSUER}"' in answer
    assert '"keys":[{' in answer
