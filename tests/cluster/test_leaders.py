"""Nodes that go and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from tests.cluster.deployment import RECOVERY_BOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.cluster import Cluster
    from testbed.recording_proxy import RecordingProxy
    from tests.cluster.conftest import MakeDeployment

FAULT_LASTS = 6.0  # seconds

pytestmark = pytest.mark.cluster


def describe(endpoints: Sequence[RecordingProxy]) -> str:
    return "load balancer" if len(endpoints) == 1 else "addresses"


def test_leader_killed(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            killed = cluster.active
            killed.kill()
            deployment.rotate()
            new = cluster.active
        assert new is not killed
        deployment.wait_for_another(before)
        deployment.check_recovery(f"leader killed ({describe(endpoints)})")
        cluster.rejoin(killed)


def test_leader_stepped_down(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            deployment.rotate()
            cluster.step_down()
        deployment.wait_for_another(before)
        deployment.check_recovery(f"leader stepped down ({describe(endpoints)})")


def test_all_nodes_sealed(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            cluster.seal()
            deployment.rotate()
            deployment.wait_during_fault(FAULT_LASTS)
            assert deployment.agent.status()["tag"] == before
            cluster.unseal()
        deployment.wait_for_another(before)
        deployment.check_recovery(f"all nodes sealed and unsealed ({describe(endpoints)})")


def test_sealed_for_longer_than_the_lease(
    cluster: Cluster, make_deployment: MakeDeployment
) -> None:
    """Vault ends the lease as soon as it can: until the replacement a reader has a bad key."""
    deployment = make_deployment([cluster.balancer], ttl="20s")
    with deployment.reading() as reader:
        with deployment.fault():
            cluster.seal()
            wait_until(lambda: deployment.agent.status()["state"] == "stale", "the lease has ended")
            assert not reader.refusals
            cluster.unseal()
        deployment.check_recovery(
            "all nodes sealed for longer than a lease", refused=1, within=RECOVERY_BOUND
        )


def test_leader_frozen(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    """It takes connections and says nothing, until it finds out that others went on without it."""
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            frozen = cluster.active
            frozen.freeze()
            deployment.rotate()
            assert cluster.active is not frozen
            deployment.wait_during_fault(FAULT_LASTS)
            frozen.thaw()
        deployment.wait_for_another(before)
        wait_until(cluster.is_healthy, "the cluster is healthy")
        deployment.check_recovery(f"leader frozen ({describe(endpoints)})")


def test_rolling_restart(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            for node in [*cluster.standbys, cluster.active]:
                node.stop()
                deployment.rotate()
                cluster.rejoin(node)
            wait_until(cluster.is_healthy, "the cluster is healthy")
        deployment.wait_for_another(before)
        deployment.check_recovery(f"rolling restart ({describe(endpoints)})")


def test_two_nodes_lost(
    cluster: Cluster, make_deployment: MakeDeployment, endpoints: Sequence[RecordingProxy]
) -> None:
    """Whoever is left leads nobody, and answers no request that has to be written down."""
    deployment = make_deployment(endpoints)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            for node in cluster.standbys:
                node.kill()
            deployment.rotate()
            deployment.wait_during_fault(FAULT_LASTS)
            assert deployment.agent.status()["tag"] == before
            cluster.unseal()
        deployment.wait_for_another(before)
        deployment.check_recovery(f"two nodes lost and brought back ({describe(endpoints)})")


def test_leaderless_for_longer_than_the_lease(
    cluster: Cluster, make_deployment: MakeDeployment
) -> None:
    """A standby answers health checks all the time; clients must notice that nobody leads."""
    deployment = make_deployment([node.proxy for node in cluster.nodes], ttl="15s")
    with deployment.reading():
        with deployment.fault():
            for node in cluster.standbys:
                node.kill()
            wait_until(lambda: deployment.agent.status()["state"] == "stale", "the lease has ended")
            # By now the key's own backoff alone would try again much later.
            deployment.wait_during_fault(15)
            cluster.unseal()
        deployment.check_recovery(
            "two nodes lost for longer than a lease (addresses)",
            refused=1,
            within=RECOVERY_BOUND,
        )
