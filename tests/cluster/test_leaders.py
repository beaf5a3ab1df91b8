"""Nodes that go and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from tests.cluster.site import FOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.cluster import Cluster
    from testbed.door import Door
    from tests.cluster.conftest import MakeSite

HELD = 6.0  # seconds

pytestmark = pytest.mark.cluster


def way(doors: Sequence[Door]) -> str:
    return "load balancer" if len(doors) == 1 else "addresses"


def test_leader_killed(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            killed = cluster.active
            killed.kill()
            site.rotate()
            new = cluster.active
        assert new is not killed
        site.wait_for_another(before)
        site.recovers(f"leader killed ({way(doors)})")
        cluster.revive(killed)


def test_leader_stepped_down(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            site.rotate()
            cluster.step_down()
        site.wait_for_another(before)
        site.recovers(f"leader stepped down ({way(doors)})")


def test_all_nodes_sealed(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            cluster.seal()
            site.rotate()
            site.hold(HELD)
            assert site.agent.status()["tag"] == before
            cluster.unseal()
        site.wait_for_another(before)
        site.recovers(f"all nodes sealed and unsealed ({way(doors)})")


def test_sealed_for_longer_than_the_lease(cluster: Cluster, make_site: MakeSite) -> None:
    """Vault ends the lease as soon as it can: until the replacement a reader has a bad key."""
    site = make_site([cluster.balancer], ttl="20s")
    with site.read() as reader:
        with site.fault():
            cluster.seal()
            wait_until(lambda: site.agent.status()["state"] == "stale", "the lease has ended")
            assert not reader.refusals
            cluster.unseal()
        site.recovers("all nodes sealed for longer than a lease", refused=1, within=FOUND)


def test_leader_frozen(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    """It takes connections and says nothing, until it finds out that others went on without it."""
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            frozen = cluster.active
            frozen.freeze()
            site.rotate()
            assert cluster.active is not frozen
            site.hold(HELD)
            frozen.thaw()
        site.wait_for_another(before)
        wait_until(cluster.whole, "the cluster is whole")
        site.recovers(f"leader frozen ({way(doors)})")


def test_rolling_restart(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            for node in [*cluster.standbys, cluster.active]:
                node.stop()
                site.rotate()
                cluster.revive(node)
            wait_until(cluster.whole, "the cluster is whole")
        site.wait_for_another(before)
        site.recovers(f"rolling restart ({way(doors)})")


def test_two_nodes_lost(cluster: Cluster, make_site: MakeSite, doors: Sequence[Door]) -> None:
    """Whoever is left leads nobody, and answers no request that has to be written down."""
    site = make_site(doors)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            for node in cluster.standbys:
                node.kill()
            site.rotate()
            site.hold(HELD)
            assert site.agent.status()["tag"] == before
            cluster.unseal()
        site.wait_for_another(before)
        site.recovers(f"two nodes lost and brought back ({way(doors)})")


def test_leaderless_for_longer_than_the_lease(cluster: Cluster, make_site: MakeSite) -> None:
    """A standby answers health checks all the time; who asks it has to notice that nobody leads."""
    site = make_site([node.front for node in cluster.nodes], ttl="15s")
    with site.read():
        with site.fault():
            for node in cluster.standbys:
                node.kill()
            wait_until(lambda: site.agent.status()["state"] == "stale", "the lease has ended")
            site.hold(15)  # until a try by the key's own backoff alone would be far off
            cluster.unseal()
        site.recovers("two nodes lost for longer than a lease (addresses)", refused=1, within=FOUND)
