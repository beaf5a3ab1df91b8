"""Every manifest is taken by the real API server, in namespaces that enforce a profile."""

from __future__ import annotations

import copy
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.settings import load

from testbed.kubernetes_api import KubernetesError
from tests.kubernetes.manifests import alone, charted, kustomized, of_kind, pod_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kubernetes.conftest import Cluster
    from tests.kubernetes.manifests import Object

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

NODE_AGENT = ("application.enabled=false", "nodeAgent.enabled=true")
SETS = {
    "sidecar": lambda: kustomized("sidecar"),
    "init": lambda: kustomized("init"),
    "node-agent": lambda: kustomized("node-agent"),
    "chart": lambda: charted("billing", "podMonitor.enabled=true"),
    "chart of a node agent": lambda: charted("freshkey", *NODE_AGENT),
    "podmonitor": lambda: alone("sidecar/podmonitor.yaml"),
    "application of a node agent": lambda: alone("node-agent/application.yaml"),
}


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_takes_everything(cluster: Cluster, name: str) -> None:
    objects = SETS[name]()
    assert objects
    for each in objects:
        if each["kind"] == "Namespace":
            each = {**each, "metadata": {**each["metadata"], "name": "another"}}  # noqa: PLW2901
        if each["kind"] == "ServiceAccount":
            each = {**each, "metadata": {**each["metadata"], "name": "another"}}  # noqa: PLW2901
        eventually_tried(cluster, each)
        if "template" in each.get("spec", {}):
            cluster.try_(pod_of(each))


def eventually_tried(cluster: Cluster, thing: Object) -> None:
    """A custom resource is served a moment after its definition."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return cluster.try_(thing)
        except KubernetesError as error:
            if error.status != 404 or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("name", ["sidecar", "init", "chart"])
@pytest.mark.parametrize(
    "change",
    [
        {"runAsUser": 0},
        {"allowPrivilegeEscalation": True},
        {"capabilities": {"drop": []}},
    ],
)
def test_a_pod_that_may_more_is_refused(
    cluster: Cluster, name: str, change: dict[str, Any]
) -> None:
    pod = copy.deepcopy(pod_of(of_kind(SETS[name](), "Deployment")))
    agent = next(
        each
        for each in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])
        if each["name"].startswith("freshkey")
    )
    agent["securityContext"] |= change
    with pytest.raises(KubernetesError, match=r"HTTP 403.*restricted") as refused:
        cluster.try_(pod)
    assert "freshkey" in str(refused.value)


@pytest.mark.parametrize("namespace", ["billing", "baseline"])
def test_a_directory_of_the_node_is_refused_to_applications(
    cluster: Cluster, namespace: str
) -> None:
    """What docs/kubernetes.md says of hostPath, and why there is a volume for it."""
    (pod,) = alone("node-agent/application.yaml")
    pod["metadata"]["namespace"] = namespace
    cluster.try_(pod)
    pod["spec"]["volumes"] = [{"name": "freshkey", "hostPath": {"path": "/run/freshkey"}}]
    with pytest.raises(KubernetesError, match=r"HTTP 403.*hostPath"):
        cluster.try_(pod)
    agent = pod_of(of_kind(kustomized("node-agent"), "DaemonSet"))
    agent["metadata"]["namespace"] = namespace
    with pytest.raises(KubernetesError, match=r"HTTP 403.*violates PodSecurity"):
        cluster.try_(agent)


@pytest.mark.parametrize(("plain", "chart"), [("sidecar", ()), ("node-agent", NODE_AGENT)])
def test_the_chart_is_the_same(plain: str, chart: tuple[str, ...]) -> None:
    objects = {each["kind"]: normalized(each) for each in kustomized(plain)}
    for kind in ("Namespace", "PersistentVolume", "PersistentVolumeClaim"):
        objects.pop(kind, None)  # which an administrator makes for each namespace
    rendered = charted("freshkey" if chart else "billing", *chart)
    assert {each["kind"]: normalized(each) for each in rendered} == objects


def normalized(thing: Object) -> Object:
    """Leave out what both name differently: names of configurations, and marks of changes."""
    text = copy.deepcopy(thing)
    text["metadata"].pop("namespace", None)
    if thing["kind"] == "ConfigMap":
        comments = re.compile(r"\s+#.*")
        lines = thing["data"]["config.toml"].splitlines()
        plain = [comments.sub("", line) for line in lines if not line.startswith("#")]
        return {"data": [line for line in plain if line]}
    template = text["spec"]["template"] if "template" in text.get("spec", {}) else {}
    template.get("metadata", {}).pop("annotations", None)
    for volume in template.get("spec", {}).get("volumes", ()):
        volume.pop("configMap", None)
    return text


@pytest.mark.parametrize("name", ["sidecar", "node-agent", "chart", "chart of a node agent"])
def test_the_configuration_has_no_fault(name: str, tmp_path: Path) -> None:
    config = of_kind(SETS[name](), "ConfigMap")["data"]["config.toml"]
    (tmp_path / "config.toml").write_text(config)
    settings = load(tmp_path / "config.toml", {})
    assert list(settings.keys) == ["billing"]
