"""What auditors find in Vault's log and in the agent's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.cluster import audits

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from tests.cluster.conftest import MakeSite

pytestmark = pytest.mark.cluster

WANTED = {"key.minted": 2, "key.renewed": 2, "lease.revoked": 1}


def test_a_life_of_renewals_and_replacements(cluster: Cluster, make_site: MakeSite) -> None:
    """Leases of 6 s that can be renewed up to 15 s: each is renewed, replaced, and revoked."""
    site = make_site([cluster.balancer])
    site.write_role("6s", "15s", renewable=True)
    with site.read() as reader:

        def all_happened() -> bool:
            told = [record["event"] for record in site.audited()]
            return all(told.count(event) >= times for event, times in WANTED.items())

        eventually(all_happened, str(WANTED), 60)
    assert not reader.refusals
    assert site.agent.end() == 0
    audits.check(site)
