"""The containers of the manifests, started as they stand there, log in and hand out keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.process import ReservedPort
from tests.agent.conftest import engine  # noqa: F401 - a fixture
from tests.agent.harness import Engine, eventually
from tests.image.conftest import Image
from tests.kubernetes.conftest import Cluster
from tests.kubernetes.manifests import kustomized, manifest, of_kind, pod_of, rendered_chart
from tests.kubernetes.pod import OWN_USERS, Pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testbed.vault import VaultServer
    from tests.kubernetes.manifests import Object

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

VAULT = "https://vault.vault.svc:8200"


@pytest.fixture(scope="module")
def vault(vault_with_plugins: VaultServer) -> VaultServer:
    """The engine of these tests is at a Vault that knows Kubernetes."""
    return vault_with_plugins


@dataclass
class Kubelet:
    """Makes pods of manifests, with what the cluster, Vault, and OpenAI have here."""

    cluster: Cluster
    engine: Engine
    image: Image
    directory: Path
    logs: Path
    port: int

    def pod(self, objects: list[Object], kind: str, node: Path | None = None) -> Pod:
        workload = of_kind(objects, kind)
        spec = pod_of(workload)["spec"]
        name = workload["metadata"]["name"]
        own = self.directory / name
        own.mkdir()
        config, token = "", ""
        if any(each["kind"] == "ConfigMap" for each in objects):
            namespace = workload["metadata"].get("namespace", "billing")
            config = self.config(of_kind(objects, "ConfigMap")["data"]["config.toml"])
            token = self.token(spec, namespace)
        return Pod(
            spec,
            self.image,
            own,
            self.logs,
            config,
            token,
            self.port,
            {"OPENAI_BASE_URL": self.engine.openai.base_url},
            node,
        )

    def config(self, text: str) -> str:
        """Put the addresses of this computer in place of a cluster's."""
        for old, new in (
            (VAULT, self.engine.vault.address),
            ('"openai/creds/billing"', f'"{self.engine.path}"\noverlap = "2s"'),
            ("0.0.0.0:9464", f"127.0.0.1:{self.port}"),
            ('method = "kubernetes"', f'method = "kubernetes"\nmount = "{self.engine.mount}-k8s"'),
        ):
            assert text.count(old) == 1
            text = text.replace(old, new)
        return f'{text}\n[keys.billing.verify]\nbase_url = "{self.engine.openai.base_url}"\n'

    def token(self, spec: Object, namespace: str) -> str:
        """Have the API server issue the token that a volume of the pod is to hold."""
        (source,) = (
            each["projected"]["sources"][0]["serviceAccountToken"]
            for each in spec["volumes"]
            if "projected" in each
        )
        account, seconds = spec["serviceAccountName"], source["expirationSeconds"]
        return self.cluster.server.issue(namespace, account, [source["audience"]], seconds)


@pytest.fixture
def kubelet(
    cluster: Cluster,
    engine: Engine,  # noqa: F811 - the fixture
    image: Image,
    tmpfs_path: Path,
    tmp_path: Path,
) -> Iterator[Kubelet]:
    mount, server = f"{engine.mount}-k8s", cluster.server
    engine.vault.request("POST", f"sys/auth/{mount}", {"type": "kubernetes"})
    config = {
        "kubernetes_host": server.address,
        "kubernetes_ca_cert": server.ca_file.read_text(),
        "token_reviewer_jwt": server.issue("vault", "vault"),
        "disable_local_ca_jwt": True,
    }
    engine.vault.request("POST", f"auth/{mount}/config", config)
    for role, namespace in (("billing", "billing"), ("freshkey-node", "freshkey")):
        bound = {
            "bound_service_account_names": [role],
            "bound_service_account_namespaces": [namespace],
            "audience": "vault",
            "token_policies": [engine.mount],
            "token_ttl": "1h",
        }
        engine.vault.request("POST", f"auth/{mount}/role/{role}", bound)
    port = ReservedPort()
    yield Kubelet(cluster, engine, image, tmpfs_path, tmp_path, port.number)
    port.close()
    engine.vault.request("DELETE", f"sys/auth/{mount}")


@pytest.fixture
def run(kubelet: Kubelet) -> Iterator[Callable[..., Pod]]:
    """Start a pod, which ends with the test."""
    pods: list[Pod] = []

    def start(objects: list[Object], kind: str, node: Path | None = None) -> Pod:
        pod = kubelet.pod(objects, kind, node)
        pods.append(pod)
        pod.start()
        return pod

    yield start
    for pod in pods:
        pod.close()


def with_own_users(objects: list[Object]) -> list[Object]:
    """Let the pod of a workload have user ids that are nobody's on the node."""
    for each in objects:
        if each["kind"] in {"Deployment", "Pod"}:
            spec = each["spec"]
            spec.get("template", each)["spec"]["hostUsers"] = False
    return objects


def assert_nothing_is_shared(*pods: Pod) -> None:
    """Neither between containers, nor with this computer."""
    for kind in ("user", "pid", "mnt", "ipc"):
        found = [each for pod in pods for each in pod.namespaces(kind)]
        found.append(str(Path(f"/proc/self/ns/{kind}").readlink()))
        assert len(found) > 2
        assert len(set(found)) == len(found), kind


def assert_served_through_a_rotation(application: Pod, agent: Pod, engine: Engine) -> None:  # noqa: F811 - named as the fixture
    def requests() -> int:
        return application.log("application").count("models: 200")

    before = eventually(requests, "requests")
    agent.rotate()
    eventually(lambda: engine.counts()["deletions"] or None, "the old key is gone")
    eventually(lambda: requests() > before + 20 or None, "more requests")
    assert application.processes["application"].running, application.log("application")
    assert "Error" not in application.log("application")


@pytest.mark.parametrize(
    ("objects", "mints"),
    [
        (lambda: kustomized("sidecar"), 1),
        (lambda: kustomized("init"), 1),
        (lambda: rendered_chart("billing"), 1),
        (lambda: with_own_users(kustomized("sidecar")), 1),
    ],
    ids=["sidecar", "init", "chart", "own users"],
)
def test_an_application_has_a_good_key_and_leaves_none(
    kubelet: Kubelet, run: Callable[..., Pod], objects: Callable[[], list[Object]], mints: int
) -> None:
    pod = run(objects(), "Deployment")
    agent = next(name for name in pod.processes if name.startswith("freshkey"))
    (container,) = (
        each
        for each in (*pod.spec["initContainers"], *pod.spec["containers"])
        if each["name"] == agent
    )
    for probe in ("readinessProbe", "livenessProbe"):
        pod.wait_for(container[probe], agent)
    assert kubelet.engine.counts()["mints"] == mints, "`run` goes on with the key of `once`"
    assert_served_through_a_rotation(pod, pod, kubelet.engine)
    assert_nothing_is_shared(pod)
    pod.stop()
    eventually(lambda: kubelet.engine.counts()["live"] == 0 or None, "the key is revoked")


def test_the_agent_of_a_node_serves_its_pods(kubelet: Kubelet, run: Callable[..., Pod]) -> None:
    """As many as there are, with one mint; and none that runs as another user."""
    node = kubelet.directory / "node"
    node.mkdir()
    agent = run(kustomized("node-agent"), "DaemonSet", node)
    assert (node.stat().st_uid, node.stat().st_mode & 0o777) == (65532, 0o700)
    (container,) = agent.spec["containers"]
    agent.wait_for(container["readinessProbe"], "freshkey")
    application = run(manifest("node-agent/application.yaml"), "Pod", node)
    assert_served_through_a_rotation(application, agent, kubelet.engine)
    assert_nothing_is_shared(agent, application)
    assert kubelet.engine.counts()["mints"] == 2
    shared = {path.name for path in application.volumes["freshkey"].iterdir()}
    assert shared == {"freshkey.sock"}, "the journal is out of every pod's reach"

    for user, own_users in ((1001, False), (1000, True)):
        (other,) = manifest("node-agent/application.yaml")
        other["metadata"]["name"] = f"other-{user}"
        other["spec"]["securityContext"]["runAsUser"] = user
        other["spec"]["containers"][0]["name"] = f"other-{user}"
        refused = run(with_own_users([other]) if own_users else [other], "Pod", node)
        eventually(partial(has_ended, refused, f"other-{user}"), "a refusal")
        assert "peer_not_allowed" in refused.log(f"other-{user}")
        seen = OWN_USERS.first + user if own_users else user
        eventually(partial(has_said, agent, f'"uid": {seen}'), "who was refused")


def has_said(agent: Pod, text: str) -> bool:
    return text in agent.log("freshkey")


def has_ended(pod: Pod, name: str) -> bool:
    return not pod.processes[name].running


def test_the_next_agent_of_a_node_goes_on_with_its_key(
    kubelet: Kubelet, run: Callable[..., Pod]
) -> None:
    node = kubelet.directory / "node"
    node.mkdir()
    agent = run(kustomized("node-agent"), "DaemonSet", node)
    (container,) = agent.spec["containers"]
    agent.wait_for(container["readinessProbe"], "freshkey")
    agent.stop()
    agent.start()
    agent.wait_for(container["readinessProbe"], "freshkey")
    eventually(partial(has_said, agent, '"event": "journal.adopted"'), "it goes on")
    assert kubelet.engine.counts()["mints"] == 1
