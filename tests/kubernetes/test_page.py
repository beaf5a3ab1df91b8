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


def blocks(heading: str) -> list[str]:
    """The blocks of commands below a heading: one way, and the other."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"(?:^    .+\n)+", section, re.MULTILINE)
    return [re.sub(r"(?m)^    ", "", block) for block in found]


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

    def run(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
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
    by_kustomize, by_helm = blocks("A sidecar")
    administrator.run(by_kustomize)
    assert administrator.get("deployments", "billing") == ["billing"]
    administrator.run("kubectl delete -k configs/kubernetes/sidecar")
    assert administrator.get("deployments", "billing") == []
    administrator.run(by_helm)
    assert administrator.get("deployments", "billing") == ["billing"]


def test_an_agent_for_each_node(administrator: Administrator) -> None:
    by_kustomize, by_helm = blocks("An agent for each node")
    administrator.run(by_kustomize)
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
    assert administrator.get("pods", "billing") == ["application"]
    administrator.run(
        "kubectl delete daemonset,serviceaccount,networkpolicy,configmap -n freshkey --all"
    )
    administrator.run(by_helm)
    assert administrator.get("daemonsets", "freshkey") == ["freshkey-node"]
