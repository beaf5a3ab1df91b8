"""Vault put back to a snapshot: it no longer knows what it gave since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeDeployment

pytestmark = pytest.mark.cluster


def test_a_snapshot_without_the_token(cluster: Cluster, make_deployment: MakeDeployment) -> None:
    """OpenAI still takes the key, which nobody will ever revoke: Vault has lost its lease."""
    deployment = make_deployment([cluster.balancer], check_every='"2s"')
    snapshot = cluster.snapshot()
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            cluster.restore(snapshot)
            wait_until(cluster.is_healthy, "the cluster is healthy")
        deployment.wait_for_another(before)
        deployment.orphans = 1
        deployment.check_recovery("a restored snapshot that knows neither lease nor token")


def test_a_snapshot_without_the_lease(cluster: Cluster, make_deployment: MakeDeployment) -> None:
    deployment = make_deployment([cluster.balancer], check_every='"2s"')
    with deployment.reading():
        first = deployment.agent.wait_for_key()["tag"]
        snapshot = cluster.snapshot()
        deployment.rotate()
        second = deployment.wait_for_another(first)["tag"]
        wait_until(lambda: not deployment.deviation(), "the first lease is revoked")
        logins = len(deployment.agent.logged("token.logged_in"))
        with deployment.fault():
            cluster.restore(snapshot)
            wait_until(cluster.is_healthy, "the cluster is healthy")
        deployment.wait_for_another(second)
        deployment.orphans = 1
        deployment.check_recovery("a restored snapshot that does not know the lease")
        assert len(deployment.agent.logged("token.logged_in")) == logins, "the token was good"
