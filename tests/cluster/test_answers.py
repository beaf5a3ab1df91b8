"""Answers that are neither yes nor no: Vault's quota, a node that is behind, a maintenance page."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from testbed.door import Instead

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeSite

HELD = 6.0  # seconds
BLOCKED = 10.0

pytestmark = pytest.mark.cluster

NOT_REPLICATED = b'{"errors":["required index state not present"]}'
MAINTENANCE = b"<html><body><h1>Down for maintenance</h1>Back at noon.</body></html>"


def test_quota(cluster: Cluster, make_site: MakeSite) -> None:
    """429 with Retry-After: no mint is asked for before that is over."""
    site = make_site([cluster.balancer], ttl="120s")
    headers = {"enable_rate_limit_response_headers": True}
    cluster.active.request("POST", "sys/quotas/config", headers)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        limits = {"path": f"{site.mount}/", "rate": 1, "interval": f"{BLOCKED:g}s"}
        with site.fault():
            cluster.active.request("POST", f"sys/quotas/rate-limit/{site.mount}", limits)
            site.rotate()
            second = site.wait_for_another(before)["tag"]
            site.rotate()
            third = site.wait_for_another(second)
        assert third["generation"] == 3
        cluster.active.request("DELETE", f"sys/quotas/rate-limit/{site.mount}")
        mints = cluster.balancer.since(site.began, f"/v1/{site.path}")
        refused = [m for m in mints if m.status == HTTPStatus.TOO_MANY_REQUESTS]
        assert len(refused) == 1, "one refusal was enough"
        after = next(m for m in mints if m.at > refused[0].at)
        assert after.status == HTTPStatus.OK
        assert after.at - refused[0].at >= refused[0].retry_after > 0
        site.recovers("Vault's quota: 429 with Retry-After")


def test_a_node_that_is_behind(cluster: Cluster, make_site: MakeSite) -> None:
    """412 is Enterprise's, from a standby: this Vault has none such, so the door says it."""
    site = make_site([cluster.balancer])
    behind = Instead(
        "412 Precondition Failed",
        "application/json",
        NOT_REPLICATED,
        path=f"/v1/{site.path}",
        once=True,
    )
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            cluster.balancer.instead = behind
            site.rotate()
            site.wait_for_another(before)
        mints = cluster.balancer.since(site.began, f"/v1/{site.path}")
        assert [mint.status for mint in mints] == [412, 200]
        site.recovers("412 from a node that is behind")


def test_maintenance_page(cluster: Cluster, make_site: MakeSite) -> None:
    site = make_site([cluster.balancer])
    page = Instead("503 Service Unavailable", "text/html", MAINTENANCE)
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault():
            cluster.balancer.instead = page
            site.rotate()
            wait_until(lambda: site.agent.status()["last_fault"], "it is noticed")
            site.hold(HELD)
            assert site.agent.status()["vault"]["fault"] == "unreachable"
            assert site.agent.status()["tag"] == before
            cluster.balancer.instead = None
        site.wait_for_another(before)
        site.recovers("a maintenance page in HTML")
