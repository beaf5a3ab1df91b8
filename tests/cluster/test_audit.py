"""What auditors find in Vault's log and in the agent's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.cluster import audits

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeDeployment

pytestmark = pytest.mark.cluster

WANTED = {"key.minted": 2, "key.renewed": 2, "lease.revoked": 1}


def test_a_life_of_renewals_and_replacements(
    cluster: Cluster, make_deployment: MakeDeployment
) -> None:
    """Leases of 6 s that can be renewed up to 15 s: each is renewed, replaced, and revoked."""
    deployment = make_deployment([cluster.balancer])
    deployment.write_role("6s", "15s", renewable=True)
    with deployment.reading() as reader:

        def all_happened() -> bool:
            events = [record["event"] for record in deployment.audit_records()]
            return all(events.count(event) >= times for event, times in WANTED.items())

        eventually(all_happened, str(WANTED), 60)
    assert not reader.refusals
    assert deployment.agent.end() == 0
    audits.check(deployment)
