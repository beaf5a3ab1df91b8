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
from tests.cluster.results import Results
from tests.cluster.site import Site, configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from testbed.door import Door
    from testbed.emulator.process import OpenAIServer
    from testbed.toxiproxy import Proxy, ToxiproxyServer

_NUMBERS = count(1)


class MakeSite(Protocol):
    """Makes an agent that isn't started, with a lease of `ttl`."""

    def __call__(
        self, doors: Sequence[Door], ttl: str = "40s", *, address: str = "", **options: str
    ) -> Site: ...


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for the whole run; a test leaves it whole."""
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
def make_site(
    cluster: Cluster, openai_server: OpenAIServer, results: Results
) -> Iterator[MakeSite]:
    made: list[Site] = []

    def make(doors: Sequence[Door], ttl: str = "40s", *, address: str = "", **options: str) -> Site:
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
        site = Site(cluster, openai_server, results, mount, project_id, role_id, agent, [*doors])
        made.append(site)
        site.write_role(ttl)
        (directory / "secret_id").write_text(secret_id)
        addresses = [address] if address else [door.address for door in doors]
        agent.config.write_text(configuration(site, addresses, **options))
        return site

    yield make
    cluster.mend()  # a test that failed half-way spoils no other
    for site in made:
        site.agent.close()
        vault = cluster.active
        vault.request("PUT", f"sys/leases/revoke-force/{site.mount}")
        vault.request("DELETE", f"sys/mounts/{site.mount}")
        vault.request("DELETE", f"sys/auth/{site.mount}")
        shutil.rmtree(site.agent.directory)


@pytest.fixture(params=["load balancer", "addresses"])
def doors(request: pytest.FixtureRequest, cluster: Cluster) -> Sequence[Door]:
    """How the agent reaches the cluster: by a load balancer, or by a list of its nodes."""
    if request.param == "addresses":
        return [node.front for node in cluster.nodes]
    return [cluster.balancer]


@pytest.fixture
def proxy(cluster: Cluster, toxiproxy: ToxiproxyServer) -> Iterator[Proxy]:
    """A network between the agent and the load balancer that can be spoiled."""
    made = toxiproxy.proxy(f"cluster-{next(_NUMBERS)}", cluster.balancer.listen)
    yield made
    made.remove()
