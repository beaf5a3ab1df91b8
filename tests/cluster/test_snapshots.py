"""Vault put back to a snapshot: it no longer knows what it gave since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeSite

pytestmark = pytest.mark.cluster


def test_a_snapshot_without_the_token(cluster: Cluster, make_site: MakeSite) -> None:
    """OpenAI still takes the key, which nobody will ever revoke: Vault has lost its lease."""
    site = make_site([cluster.balancer], check_every='"2s"')
    snapshot = cluster.snapshot()
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            cluster.restore(snapshot)
            wait_until(cluster.whole, "the cluster is whole")
        site.wait_for_another(before)
        site.orphans = 1
        site.recovers("a restored snapshot that knows neither lease nor token")


def test_a_snapshot_without_the_lease(cluster: Cluster, make_site: MakeSite) -> None:
    site = make_site([cluster.balancer], check_every='"2s"')
    with site.read():
        first = site.agent.wait_for_key()["tag"]
        snapshot = cluster.snapshot()
        site.rotate()
        second = site.wait_for_another(first)["tag"]
        wait_until(lambda: not site.unsteady(), "the first lease is revoked")
        logins = len(site.agent.told("token.logged_in"))
        with site.fault():
            cluster.restore(snapshot)
            wait_until(cluster.whole, "the cluster is whole")
        site.wait_for_another(second)
        site.orphans = 1
        site.recovers("a restored snapshot that does not know the lease")
        assert len(site.agent.told("token.logged_in")) == logins, "the token was good"
