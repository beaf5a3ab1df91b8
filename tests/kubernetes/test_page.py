"""The pages on Kubernetes word for word: their commands, with the real kubectl and helm."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from testbed.binaries import HELM, KUBECTL, binary
from testbed.kubernetes import KubernetesServer
from tests.docs.pages import commands
from tests.support.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]


class Administrator:
    """Runs commands in this clone, with a cluster of its own."""

    def __init__(self, server: KubernetesServer, directory: Path) -> None:
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
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}{done.stdout}{done.stderr}"
        return done.stdout

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
    administrator.run(commands("kubernetes-sidecar"))
    assert administrator.get("deployments", "billing") == ["billing"]
    administrator.run("kubectl delete -k configs/kubernetes/sidecar")
    assert administrator.get("deployments", "billing") == []
    administrator.run(commands("kubernetes-sidecar-helm"))
    assert administrator.get("deployments", "billing") == ["billing"]


def test_an_agent_for_each_node(administrator: Administrator) -> None:
    administrator.run(commands("kubernetes-node"))
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    assert administrator.get("pods", "billing") == ["application"]
    administrator.run(
        "kubectl delete daemonset,serviceaccount,networkpolicy,configmap -n freshkey --all"
    )
    administrator.run(commands("kubernetes-node-helm"))
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]


def test_what_a_login_needs(administrator: Administrator, tmp_path: Path) -> None:
    """docs/auth/kubernetes.md: a reviewer that may review, and a pod with a token for Vault."""
    administrator.run("kubectl create namespace vault; kubectl create sa vault -n vault")
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
