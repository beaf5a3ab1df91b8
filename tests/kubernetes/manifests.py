"""The manifests of configs/kubernetes as objects, rendered by the real kustomize and helm."""

from __future__ import annotations

import subprocess
from typing import Any

import yaml

from testbed.binaries import HELM, KUSTOMIZE, binary
from tests.support.packages import ROOT

HERE = ROOT / "configs" / "kubernetes"
CHART = HERE / "chart"
Object = dict[str, Any]
REQUIRED = (
    "image.repository=registry.example/freshkey",
    "vault.address=https://vault.vault.svc:8200",
)


def kustomized(name: str) -> list[Object]:
    """Render one of the directories."""
    return _objects([str(binary(KUSTOMIZE)), "build", str(HERE / name)])


def rendered_chart(namespace: str, *values: str) -> list[Object]:
    """Render the chart, with `values` set."""
    options = [f"--set={value}" for value in (*REQUIRED, *values)]
    command = [str(binary(HELM)), "template", "billing", str(CHART), f"--namespace={namespace}"]
    return _objects([*command, *options])


def manifest(path: str) -> list[Object]:
    """Read a manifest that no kustomization has."""
    return list(filter(None, yaml.safe_load_all((HERE / path).read_text())))


def of_kind(objects: list[Object], kind: str) -> Object:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def pod_of(workload: Object) -> Object:
    """Return the pod that a workload makes."""
    if workload["kind"] == "Pod":
        return workload
    template: Object = workload["spec"]["template"]
    metadata = {**template["metadata"], "name": workload["metadata"]["name"]}
    metadata["namespace"] = workload["metadata"].get("namespace", "billing")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def _objects(command: list[str]) -> list[Object]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(filter(None, yaml.safe_load_all(done.stdout)))
