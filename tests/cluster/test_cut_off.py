"""A network between the agent and Vault that does what networks do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from testbed.toxiproxy import Proxy
    from tests.cluster.conftest import MakeSite

HELD = 12.0  # seconds: longer than the agent waits for a mint here

pytestmark = pytest.mark.cluster

SPOILED: dict[str, tuple[str, dict[str, Any]]] = {
    "no answer": ("timeout", {"stream": "upstream", "timeout": 0}),
    "connections reset": ("reset_peer", {"timeout": 0}),
    "10 bytes a second": ("slicer", {"average_size": 1, "size_variation": 0, "delay": 100_000}),
    "half an answer": ("limit_data", {"bytes": 300}),
}


@pytest.mark.parametrize("scenario", SPOILED)
def test_cut_off(cluster: Cluster, make_site: MakeSite, proxy: Proxy, scenario: str) -> None:
    """What was asked for is done when the network is mended, also when Vault had done it."""
    site = make_site([cluster.balancer], address=f"http://{proxy.listen}")
    kind, attributes = SPOILED[scenario]
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault(), proxy.toxic(kind, **attributes):
            site.rotate()
            site.hold(HELD)
            assert site.agent.status()["tag"] == before
        site.wait_for_another(before)
        site.recovers(f"cut off: {scenario}")


def test_slow(cluster: Cluster, make_site: MakeSite, proxy: Proxy) -> None:
    """An answer that takes 5 s is one: the replacement is made meanwhile."""
    site = make_site([cluster.balancer], address=f"http://{proxy.listen}")
    with site.read():
        before = site.agent.wait_for_key()["tag"]
        with site.fault(), proxy.toxic("latency", latency=5000):
            site.rotate()
            site.wait_for_another(before)
            site.hold(HELD)
        site.recovers("5 s latency")
