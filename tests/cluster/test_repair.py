"""What the tests themselves rely on: a cluster is put right, whatever happened to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from testbed.cluster_node import wait_until
from testbed.recording_proxy import CHECK_TIMEOUT

if TYPE_CHECKING:
    from testbed.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_a_node_that_answers_late_is_not_started_twice(cluster: Cluster) -> None:
    node = wait_until(lambda: next(iter(cluster.standbys), None), "a node stands by")
    before = node.pid
    node.freeze()
    thaw = threading.Timer(CHECK_TIMEOUT + 1, node.thaw)
    thaw.start()
    try:
        cluster.unseal()
        assert node.pid == before
    finally:
        thaw.join()
        cluster.repair()
