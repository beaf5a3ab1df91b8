"""Answers that are neither yes nor no: Vault's quota, a node that is behind, a maintenance page."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from testbed.recording_proxy import CannedResponse

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeDeployment

FAULT_LASTS = 6.0  # seconds
BLOCKED = 10.0

pytestmark = pytest.mark.cluster

NOT_REPLICATED = b'{"errors":["required index state not present"]}'
MAINTENANCE = b"<html><body><h1>Down for maintenance</h1>Back at noon.</body></html>"


def test_quota(cluster: Cluster, make_deployment: MakeDeployment) -> None:
    """429 with Retry-After: no mint is asked for before that is over."""
    deployment = make_deployment([cluster.balancer], ttl="120s")
    headers = {"enable_rate_limit_response_headers": True}
    cluster.active.request("POST", "sys/quotas/config", headers)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        limits = {"path": f"{deployment.mount}/", "rate": 1, "interval": f"{BLOCKED:g}s"}
        with deployment.fault():
            cluster.active.request("POST", f"sys/quotas/rate-limit/{deployment.mount}", limits)
            deployment.rotate()
            second = deployment.wait_for_another(before)["tag"]
            deployment.rotate()
            third = deployment.wait_for_another(second)
        assert third["generation"] == 3
        cluster.active.request("DELETE", f"sys/quotas/rate-limit/{deployment.mount}")
        mints = cluster.balancer.requests_since(deployment.fault_began, f"/v1/{deployment.path}")
        refused = [m for m in mints if m.status == HTTPStatus.TOO_MANY_REQUESTS]
        assert len(refused) == 1, "one refusal was enough"
        after = next(m for m in mints if m.at > refused[0].at)
        assert after.status == HTTPStatus.OK
        assert after.at - refused[0].at >= refused[0].retry_after > 0
        deployment.check_recovery("Vault's quota: 429 with Retry-After")


def test_a_node_that_is_behind(cluster: Cluster, make_deployment: MakeDeployment) -> None:
    """412 is Enterprise's, from a standby: this Vault never says so, and the proxy does."""
    deployment = make_deployment([cluster.balancer])
    behind = CannedResponse(
        "412 Precondition Failed",
        "application/json",
        NOT_REPLICATED,
        path=f"/v1/{deployment.path}",
        once=True,
    )
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            cluster.balancer.canned_response = behind
            deployment.rotate()
            deployment.wait_for_another(before)
        mints = cluster.balancer.requests_since(deployment.fault_began, f"/v1/{deployment.path}")
        assert [mint.status for mint in mints] == [412, 200]
        deployment.check_recovery("412 from a node that is behind")


def test_maintenance_page(cluster: Cluster, make_deployment: MakeDeployment) -> None:
    deployment = make_deployment([cluster.balancer])
    page = CannedResponse("503 Service Unavailable", "text/html", MAINTENANCE)
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault():
            cluster.balancer.canned_response = page
            deployment.rotate()
            wait_until(lambda: deployment.agent.status()["last_fault"], "it is noticed")
            deployment.wait_during_fault(FAULT_LASTS)
            assert deployment.agent.status()["vault"]["fault"] == "unreachable"
            assert deployment.agent.status()["tag"] == before
            cluster.balancer.canned_response = None
        deployment.wait_for_another(before)
        deployment.check_recovery("a maintenance page in HTML")
