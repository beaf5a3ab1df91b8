from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from testbed.cluster import Cluster
from tests.agent.harness import Agent
from tests.cluster.deployment import Deployment, configuration
from tests.cluster.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from testbed.emulator.process import OpenAIServer
    from testbed.recording_proxy import RecordingProxy
    from testbed.toxiproxy import Proxy, ToxiproxyServer

_NUMBERS = count(1)


class MakeDeployment(Protocol):
    """Makes an agent that isn't started, with a lease of `ttl`."""

    def __call__(
        self,
        endpoints: Sequence[RecordingProxy],
        ttl: str = "40s",
        *,
        address: str = "",
        **options: str,
    ) -> Deployment: ...


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for the whole run; a test leaves it healthy."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    """The table of docs/reliability.md, written after a run of everything that went well."""
    results = Results()
    yield results
    if os.environ.get("WRITE_RESULTS") and not request.session.testsfailed:
        results.write()


@pytest.fixture
def make_deployment(
    cluster: Cluster, openai_server: OpenAIServer, results: Results
) -> Iterator[MakeDeployment]:
    made: list[Deployment] = []

    def make(
        endpoints: Sequence[RecordingProxy], ttl: str = "40s", *, address: str = "", **options: str
    ) -> Deployment:
        mount = f"openai-cluster-{next(_NUMBERS)}-{secrets.token_hex(2)}"
        vault = cluster.active
        vault.enable_openai(mount, openai_server.base_url)
        vault.write_policy(
            mount,
            f'path "{mount}/creds/billing" {{ capabilities = ["read"] }}\n'
            f'path "sys/leases/revoke/{mount}/creds/billing/*" {{ capabilities = ["update"] }}',
        )
        role_id, secret_id = vault.approle(mount, [mount], token_ttl="1h")
        directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
        project_id = openai_server.create_project(mount)
        agent = Agent(directory)
        deployment = Deployment(
            cluster, openai_server, results, mount, project_id, role_id, agent, [*endpoints]
        )
        made.append(deployment)
        deployment.write_role(ttl)
        (directory / "secret_id").write_text(secret_id)
        addresses = [address] if address else [proxy.address for proxy in endpoints]
        agent.config.write_text(configuration(deployment, addresses, **options))
        return deployment

    yield make
    cluster.repair()  # a test that failed half-way spoils no other
    for deployment in made:
        deployment.agent.close()
        vault = cluster.active
        vault.request("PUT", f"sys/leases/revoke-force/{deployment.mount}")
        vault.request("DELETE", f"sys/mounts/{deployment.mount}")
        vault.request("DELETE", f"sys/auth/{deployment.mount}")
        shutil.rmtree(deployment.agent.directory)


@pytest.fixture(params=["load balancer", "addresses"])
def endpoints(request: pytest.FixtureRequest, cluster: Cluster) -> Sequence[RecordingProxy]:
    """How the agent reaches the cluster: by a load balancer, or by a list of its nodes."""
    if request.param == "addresses":
        return [node.proxy for node in cluster.nodes]
    return [cluster.balancer]


@pytest.fixture
def proxy(cluster: Cluster, toxiproxy: ToxiproxyServer) -> Iterator[Proxy]:
    """A network between the agent and the load balancer that tests can break."""
    made = toxiproxy.proxy(f"cluster-{next(_NUMBERS)}", cluster.balancer.listen)
    yield made
    made.remove()
