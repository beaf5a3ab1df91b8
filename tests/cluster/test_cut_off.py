"""A network between the agent and Vault that does what networks do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from testbed.toxiproxy import Proxy
    from tests.cluster.conftest import MakeDeployment

FAULT_LASTS = 12.0  # seconds: longer than the agent waits for a mint here

pytestmark = pytest.mark.cluster

NETWORK_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "no answer": ("timeout", {"stream": "upstream", "timeout": 0}),
    "connections reset": ("reset_peer", {"timeout": 0}),
    "10 bytes a second": ("slicer", {"average_size": 1, "size_variation": 0, "delay": 100_000}),
    "half an answer": ("limit_data", {"bytes": 300}),
}


@pytest.mark.parametrize("scenario", NETWORK_FAULTS)
def test_cut_off(
    cluster: Cluster, make_deployment: MakeDeployment, proxy: Proxy, scenario: str
) -> None:
    """What was asked for is done when the network works again, also when Vault had done it."""
    deployment = make_deployment([cluster.balancer], address=f"http://{proxy.listen}")
    kind, attributes = NETWORK_FAULTS[scenario]
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault(), proxy.toxic(kind, **attributes):
            deployment.rotate()
            deployment.wait_during_fault(FAULT_LASTS)
            assert deployment.agent.status()["tag"] == before
        deployment.wait_for_another(before)
        deployment.check_recovery(f"cut off: {scenario}")


def test_slow(cluster: Cluster, make_deployment: MakeDeployment, proxy: Proxy) -> None:
    """An answer that takes 5 s is one: the replacement is made meanwhile."""
    deployment = make_deployment([cluster.balancer], address=f"http://{proxy.listen}")
    with deployment.reading():
        before = deployment.agent.wait_for_key()["tag"]
        with deployment.fault(), proxy.toxic("latency", latency=5000):
            deployment.rotate()
            deployment.wait_for_another(before)
            deployment.wait_during_fault(FAULT_LASTS)
        deployment.check_recovery("5 s latency")
