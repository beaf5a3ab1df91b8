"""docs/kubernetes.md word for word: its commands, with the real kubectl and helm."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from testbed.binaries import HELM, KUBECTL, binary
from testbed.kubernetes import KubernetesServer
from tests.support.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()


def blocks(heading: str, page: str = PAGE) -> list[str]:
    """The blocks of commands below a heading: what is first, then one way, and the other."""
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    section = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^    .+\n)+", section, re.MULTILINE)
    return [re.sub(r"(?m)^    ", "", block) for block in found]


class Administrator:
    """Runs commands in this clone, with a cluster of its own."""

    def __init__(self, server: KubernetesServer, directory: Path) -> None:
        self.server = server
        config = directory / "kubeconfig"
        cluster = {"server": server.address, "certificate-authority": str(server.ca_file)}
        config.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "admin", "user": {"token": server.token}}],
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
                }
            )
        )
        config.chmod(0o600)
        programs = {binary(KUBECTL).parent, binary(HELM).parent}
        path = os.pathsep.join([*map(str, programs), os.defpath])
        self._environment = {"PATH": path, "KUBECONFIG": str(config), "HOME": str(directory)}

    def run(self, script: str) -> str:
        done = self._done(script)
        assert done.returncode == 0, f"{script}{done.stdout}{done.stderr}"
        return done.stdout

    def refusal(self, script: str) -> str:
        """What a command says that has to fail."""
        done = self._done(script)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _done(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, what: str, namespace: str) -> list[str]:
        """The names of objects of a kind."""
        said = self.run(f"kubectl get {what} -n {namespace} -o json")
        items: list[Any] = yaml.safe_load(said)["items"]
        return [each["metadata"]["name"] for each in items]


@pytest.fixture
def administrator(tmp_path: Path) -> Iterator[Administrator]:
    with KubernetesServer() as server:
        yield Administrator(server, tmp_path)


def test_a_sidecar(administrator: Administrator) -> None:
    namespace, by_kustomize, by_helm = blocks("A sidecar")
    administrator.run(namespace)
    administrator.run(by_kustomize)
    assert administrator.get("deployments", "billing") == ["billing"]
    administrator.run(by_kustomize.replace("sidecar", "init"))
    administrator.run("kubectl delete -k configs/kubernetes/sidecar")
    assert administrator.get("deployments", "billing") == []
    administrator.run(by_helm)
    assert administrator.get("deployments", "billing") == ["billing"]


def test_an_agent_for_each_node(administrator: Administrator) -> None:
    namespace, by_kustomize, _, application = blocks("An agent for each node")
    administrator.run(namespace)
    administrator.run(by_kustomize)
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    administrator.run(application)
    assert administrator.get("pods", "billing") == ["application"]


def test_an_agent_for_each_node_by_helm(administrator: Administrator) -> None:
    namespace, _, by_helm, application = blocks("An agent for each node")
    administrator.run(namespace)
    administrator.run(by_helm)
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    administrator.run(application)
    assert administrator.get("persistentvolumeclaims", "billing") == ["freshkey"]


@pytest.mark.parametrize(
    ("name", "objects", "namespace"),
    [
        ("sidecar", "deployment/billing", "billing"),
        ("node-agent", "daemonset/freshkey-node", "freshkey"),
    ],
)
def test_how_to_see_whether_it_works(
    administrator: Administrator, name: str, objects: str, namespace: str
) -> None:
    """No kubelet answers here, but the API server finds the container that the page names."""
    (block,) = blocks("Does it work?")
    if namespace != "billing":
        assert f"`-n {namespace} {objects}` in place of `-n billing deployment/billing`" in PAGE
        block = block.replace("-n billing deployment/billing", f"-n {namespace} {objects}")
        block = block.replace("-n billing", f"-n {namespace}")
    administrator.run("kubectl create namespace billing")
    administrator.run(f"kubectl apply -k configs/kubernetes/{name}")
    workload = yaml.safe_load(administrator.run(f"kubectl get {objects} -n {namespace} -o json"))
    pod = {"apiVersion": "v1", "kind": "Pod", **workload["spec"]["template"]}
    pod["metadata"] |= {"name": "one", "namespace": namespace}
    administrator.run(f"kubectl create -f - <<'END'\n{yaml.safe_dump(pod)}END")
    listed, logs, status = block.splitlines()
    assert re.search(r"^one +0/\d +Pending", administrator.run(listed), re.MULTILINE)
    assert administrator.run(logs) == ""
    assert "pod one does not have a host assigned" in administrator.refusal(status)
    for command in (logs, status):
        other = administrator.refusal(command.replace("-c freshkey", "-c else"))
        assert "container else is not valid for pod one" in other


def test_the_reviewer(administrator: Administrator) -> None:
    """The kubectl commands of docs/auth/kubernetes.md: tests/logins runs Vault's."""
    page = (ROOT / "docs" / "auth" / "kubernetes.md").read_text()
    account, address = blocks("Vault", page)
    administrator.run(f"cd ~\n{account}")
    said = administrator.run(f'cd ~\n{address}\necho "$KUBERNETES_HOST"; cat ca.crt')
    server = administrator.server
    assert said == f"{server.address}\n{server.ca_file.read_text()}"
    may = (
        'kubectl auth can-i create tokenreviews.authentication.k8s.io --token="$(cat reviewer.jwt)"'
    )
    assert administrator.run(f"cd ~\n{may}") == "yes\n"
