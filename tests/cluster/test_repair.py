"""What the tests themselves rely on: a cluster is put right, whatever happened to it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from testbed.recording_proxy import CHECK_TIMEOUT

if TYPE_CHECKING:
    from testbed.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_a_node_that_answers_late_is_not_started_twice(cluster: Cluster) -> None:
    node = cluster.standbys[0]
    node.freeze()
    thaw = threading.Timer(CHECK_TIMEOUT + 1, node.thaw)
    thaw.start()
    before = node.pid
    cluster.unseal()
    thaw.join()
    assert node.pid == before
    assert cluster.is_healthy()
