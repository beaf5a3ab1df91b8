"""Every manifest is taken by the real API server, in namespaces that enforce a profile."""

from __future__ import annotations

import copy
import re
import subprocess
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.settings import load

from testbed.binaries import HELM, binary
from testbed.kubernetes_api import KubernetesError
from tests.agent.harness import eventually
from tests.kubernetes.manifests import (
    CHART,
    REQUIRED,
    kustomized,
    manifest,
    of_kind,
    pod_of,
    rendered_chart,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kubernetes.conftest import Cluster
    from tests.kubernetes.manifests import Object

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

NODE_AGENT = ("nodeAgent.enabled=true", "podMonitor.enabled=true")
SETS = {
    "sidecar": lambda: kustomized("sidecar"),
    "init": lambda: kustomized("init"),
    "node-agent": lambda: kustomized("node-agent"),
    "chart": lambda: rendered_chart("billing", "podMonitor.enabled=true"),
    "chart of a node agent": lambda: rendered_chart("freshkey", *NODE_AGENT),
    "podmonitor": lambda: manifest("sidecar/podmonitor.yaml"),
    "application of a node agent": lambda: manifest("node-agent/application.yaml"),
}


MANIFESTS_ALONE = ("podmonitor", "application of a node agent")


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_takes_everything(cluster: Cluster, name: str) -> None:
    objects = SETS[name]()
    assert objects
    for each in objects:
        new = each["metadata"]["name"]
        if each["kind"] in {"Namespace", "ServiceAccount"}:  # the fixture has made these
            new = f"another-{new}"
        renamed = {**each, "metadata": {**each["metadata"], "name": new}}
        eventually(partial(tried, cluster, renamed), "a definition that is served")
        if "template" in each.get("spec", {}):
            cluster.dry_run(pod_of(each))


def tried(cluster: Cluster, thing: Object) -> bool:
    """Whether it was taken; a custom resource is served a moment after its definition."""
    try:
        cluster.dry_run(thing)
    except KubernetesError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True


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
        cluster.dry_run(pod)
    assert "freshkey" in str(refused.value)


@pytest.mark.parametrize("namespace", ["billing", "baseline"])
def test_a_directory_of_the_node_is_refused_to_applications(
    cluster: Cluster, namespace: str
) -> None:
    """What docs/kubernetes.md says of hostPath, and why there is a volume for it."""
    (pod,) = manifest("node-agent/application.yaml")
    pod["metadata"]["namespace"] = namespace
    cluster.dry_run(pod)
    pod["spec"]["volumes"] = [{"name": "freshkey", "hostPath": {"path": "/run/freshkey"}}]
    with pytest.raises(KubernetesError, match=r"HTTP 403.*hostPath"):
        cluster.dry_run(pod)
    agent = pod_of(of_kind(kustomized("node-agent"), "DaemonSet"))
    agent["metadata"]["namespace"] = namespace
    with pytest.raises(KubernetesError, match=r"HTTP 403.*violates PodSecurity"):
        cluster.dry_run(agent)


@pytest.mark.parametrize(("plain", "chart"), [("sidecar", ()), ("node-agent", NODE_AGENT)])
def test_the_chart_is_the_same(plain: str, chart: tuple[str, ...]) -> None:
    made_once = {"Namespace", "PersistentVolume", "PersistentVolumeClaim"}  # by an administrator
    objects = [each for each in kustomized(plain) if each["kind"] not in made_once]
    rendered = rendered_chart("freshkey" if chart else "billing", *chart)
    rendered = [each for each in rendered if each["kind"] != "PodMonitor"]
    assert by_kind(rendered) == by_kind(objects)


def by_kind(objects: list[Object]) -> dict[str, list[Object]]:
    """Return what is compared, all of it."""
    return {
        kind: [normalized(each) for each in objects if each["kind"] == kind]
        for kind in {each["kind"] for each in objects}
    }


@pytest.mark.parametrize(
    "name", ["sidecar", "init", "node-agent", "chart", "chart of a node agent"]
)
def test_what_is_named_is_there(name: str) -> None:
    objects = SETS[name]()
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for each in objects:
        if "template" not in each.get("spec", {}):
            continue
        spec = pod_of(each)["spec"]
        assert ("ServiceAccount", spec["serviceAccountName"]) in names
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names


CHANGED = (
    "key.name=search",
    "key.path=openai/creds/search",
    "application.name=123",
    "application.user=1000650000",
    "application.port=9000",
    "vault.ca=-----BEGIN CERTIFICATE-----",
    "vault.role=search",
)


def test_the_chart_takes_other_values(cluster: Cluster, tmp_path: Path) -> None:
    objects = rendered_chart("billing", *CHANGED)
    for each in objects:
        cluster.dry_run(each)
    pod = pod_of(of_kind(objects, "Deployment"))
    cluster.dry_run(pod)
    (application,) = pod["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in application["env"]}
    assert variables["FRESHKEY_KEY_FILE"] == "/run/freshkey/keys/search"
    assert application["securityContext"]["runAsUser"] == 1_000_650_000
    data = of_kind(objects, "ConfigMap")["data"]
    assert data["ca.crt"].startswith("-----BEGIN")
    (tmp_path / "ca.crt").write_text(data["ca.crt"])
    (tmp_path / "config.toml").write_text(data["config.toml"])
    settings = load(tmp_path / "config.toml", {})
    assert str(settings.vault.ca_file) == "/etc/freshkey/ca.crt"
    assert [str(file.path) for file in settings.keys["search"].files] == [
        "/run/freshkey/keys/search"
    ]


def test_an_image_of_ones_own_runs_what_it_says() -> None:
    objects = rendered_chart("billing", "application.command=null")
    (application,) = pod_of(of_kind(objects, "Deployment"))["spec"]["containers"]
    assert "command" not in application


@pytest.mark.parametrize("more", [(), ("--set=nodeAgent.enabled=true",)])
@pytest.mark.parametrize("missing", ["image.repository", "vault.address"])
def test_the_chart_asks_for_what_only_you_know(missing: str, more: tuple[str, ...]) -> None:
    values = [f"--set={each}" for each in REQUIRED if not each.startswith(missing)]
    done = subprocess.run(
        [binary(HELM), "template", "billing", CHART, *values, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"set {missing} to " in done.stderr


def test_the_chart_takes_numbers_for_users(tmp_path: Path) -> None:
    objects = rendered_chart("freshkey", "nodeAgent.enabled=true", "nodeAgent.users={1000650000,7}")
    (tmp_path / "config.toml").write_text(of_kind(objects, "ConfigMap")["data"]["config.toml"])
    allowed = load(tmp_path / "config.toml", {}).keys["billing"].allow
    assert [each.user for each in allowed] == ["1000650000", "7"]
    assert {each["kind"] for each in objects} & {"Deployment"} == set()


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
