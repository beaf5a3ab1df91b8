"""The pages on Kubernetes word for word: their commands, with the real kubectl and helm."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from testbed.binaries import HELM, KUBECTL, binary
from testbed.kubernetes import KubernetesServer
from tests.docs.pages import DOCS, commands
from tests.support.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

PAGE = (DOCS / "kubernetes.md").read_text()


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

    def run(self, script: str, directory: Path = ROOT) -> str:
        done = self._done(script, directory)
        assert done.returncode == 0, f"{script}{done.stdout}{done.stderr}"
        return done.stdout

    def refusal(self, script: str) -> str:
        """What a command says that has to fail."""
        done = self._done(script, ROOT)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _done(self, script: str, directory: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=directory,
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
    by_kustomize = commands("kubernetes-sidecar")
    administrator.run(commands("kubernetes-namespace"))
    administrator.run(by_kustomize)
    assert administrator.get("deployments", "billing") == ["billing"]
    administrator.run(by_kustomize.replace("sidecar", "init"))
    administrator.run("kubectl delete -k configs/kubernetes/sidecar")
    assert administrator.get("deployments", "billing") == []
    administrator.run(commands("kubernetes-sidecar-helm"))
    assert administrator.get("deployments", "billing") == ["billing"]


def test_an_agent_for_each_node(administrator: Administrator) -> None:
    administrator.run(commands("kubernetes-node-namespace"))
    administrator.run(commands("kubernetes-node"))
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    administrator.run(commands("kubernetes-node-application"))
    assert administrator.get("pods", "billing") == ["application"]


def test_an_agent_for_each_node_by_helm(administrator: Administrator) -> None:
    administrator.run(commands("kubernetes-node-namespace"))
    administrator.run(commands("kubernetes-node-helm"))
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    administrator.run(commands("kubernetes-node-application"))
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
    block = commands("kubernetes-status")
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


def test_what_a_login_needs(administrator: Administrator, tmp_path: Path) -> None:
    """docs/auth/kubernetes.md: a reviewer that may review, and a pod with a token for Vault.

    tests/logins runs the page's commands of Vault.
    """
    administrator.run(commands("kubernetes-reviewer"), tmp_path)
    token = (tmp_path / "reviewer.jwt").read_text()
    pod: dict[str, Any] = yaml.safe_load(commands("kubernetes-pod"))
    (volume,) = pod["spec"]["volumes"]
    audience = volume["projected"]["sources"][0]["serviceAccountToken"]["audience"]
    new = administrator.run(f"kubectl create token vault -n vault --audience {audience}")
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": new.strip(), "audiences": [audience]},
    }
    (tmp_path / "review.json").write_text(json.dumps(review))
    # The reviewer may do nothing else, not even ask for what kubectl would validate by.
    create = f"kubectl create --token={token.strip()} --validate=false -o json"
    answer = json.loads(administrator.run(f"{create} -f {tmp_path}/review.json"))
    assert answer["status"]["authenticated"]

    administrator.run("kubectl create sa billing")
    (container,) = pod["spec"]["containers"]
    container |= {"name": "application", "image": "registry.example/application"}
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "billing"}, **pod}
    (tmp_path / "pod.json").write_text(json.dumps(whole))
    administrator.run(f"kubectl create --validate=strict -f {tmp_path}/pod.json")
    assert administrator.get("pods", "default") == ["billing"]


def test_where_vault_asks(administrator: Administrator, tmp_path: Path) -> None:
    """docs/auth/kubernetes.md: the API server's address, and whom to trust for it."""
    address = f'{commands("kubernetes-address")}echo "$KUBERNETES_HOST"; cat ca.crt'
    server = administrator.server
    expected = f"{server.address}\n{server.ca_file.read_text()}"
    assert administrator.run(address, tmp_path) == expected
