"""A leader that dies while it mints: OpenAI has done its part, and Vault never heard of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeDeployment

SLOW = 5.0  # seconds from the account to OpenAI's answer: the leader dies meanwhile

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("asked", ["leader", "standby"])
def test_leader_killed_during_a_mint(
    cluster: Cluster, make_deployment: MakeDeployment, asked: str
) -> None:
    """The agent can't know whether there is a lease: its token takes no more mints, and goes.

    A standby passes the mint on; when the leader goes, it redirects to where the leader was.
    """
    leader = cluster.active
    nodes = sorted(cluster.nodes, key=lambda node: (node is leader) == (asked == "standby"))
    deployment = make_deployment([node.proxy for node in nodes])
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        deployment.openai.configure(delay_after={"service_account.create": SLOW})
        with deployment.fault():
            deployment.rotate()
            wait_until(lambda: len(deployment.live_keys()) > 1, "OpenAI has made the account")
            leader.kill()
            deployment.openai.configure()
            assert cluster.active is not leader
        deployment.wait_for_another(before)
        deployment.orphans = 1
        deployment.check_recovery(f"leader killed during a mint (asked: the {asked})")
        assert len(deployment.agent.logged("mint.abandoned")) == 1
        cluster.rejoin(leader)
