"""A real cluster of three Vaults with raft storage, to be failed node by node."""

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

from testbed.binaries import OPENAI_PLUGIN
from testbed.cluster_node import ACTIVE, SEALED, STANDBY, ClusterNode, wait_until
from testbed.recording_proxy import LoadBalancer
from testbed.vault_api import VaultError

NODES = 3
ELECTION = 3.0
"""Seconds that an election usually takes, at most."""


class Cluster:
    """Three nodes, a load balancer, and one audit file that all nodes write to.

    `with Cluster() as cluster:` starts and stops.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="freshkey-cluster-"))
        self.audit_file = self._directory / "audit.log"
        self.nodes: list[ClusterNode] = []
        for number in range(NODES):
            leader = self.nodes[0].address if self.nodes else None
            self.nodes.append(ClusterNode(f"vault-{number + 1}", self._directory, leader))
        self.balancer = LoadBalancer([node.port for node in self.nodes])
        self._unseal_key = ""

    @property
    def active(self) -> ClusterNode:
        """The leader, waited for; calls to it use the root token."""
        return wait_until(self._find_active, "a node is active")

    def _find_active(self) -> ClusterNode | None:
        return next((node for node in self.nodes if node.health == ACTIVE), None)

    @property
    def standbys(self) -> list[ClusterNode]:
        """The nodes that could become the leader."""
        return [node for node in self.nodes if node.health == STANDBY]

    def start(self) -> None:
        """Start, initialise, unseal, and join; StartError when that fails."""
        first, *others = self.nodes
        first.start()
        made = first.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        (self._unseal_key,) = made["keys_base64"]
        for node in self.nodes:
            node.token = made["root_token"]
        first.submit_unseal_key(self._unseal_key)
        wait_until(lambda: first.health == ACTIVE, "the first node is active")
        # Before others join, or it would take 10 s until they may vote.
        first.request(
            "POST",
            "sys/storage/raft/autopilot/configuration",
            {"server_stabilization_time": "10ms"},
        )
        first.enable_audit(self.audit_file)
        first.register_plugin("secret", OPENAI_PLUGIN, OPENAI_PLUGIN)
        for node in others:
            node.start()
        self.unseal()
        wait_until(lambda: self._voters() == NODES, "all nodes vote")

    def _voters(self) -> int:
        config = self.active.request("GET", "sys/storage/raft/configuration")["data"]["config"]
        return sum(server["voter"] for server in config["servers"])

    def seal(self) -> None:
        """Seal all nodes, standbys first: with two gone the leader could not seal."""
        leader = self.active
        leader.seal()
        for node in self.nodes:
            if node.health != SEALED:
                node.seal()

    def unseal(self) -> None:
        """Start what does not run, unseal all nodes, and wait until the cluster is healthy."""
        for node in self.nodes:
            if node.pid is None:
                node.start()
        for node in self.nodes:
            if node.wait_for_health() not in {ACTIVE, STANDBY}:
                node.submit_unseal_key(self._unseal_key)
        wait_until(self.is_healthy, "the cluster is healthy")

    def repair(self) -> None:
        """Undo what a fault may have left behind; does nothing to a healthy cluster."""
        for proxy in (self.balancer, *(node.proxy for node in self.nodes)):
            proxy.canned_response = None
            proxy.open()
        for node in self.nodes:
            node.thaw()
        self.unseal()

    def rejoin(self, node: ClusterNode) -> None:
        """Start and unseal one node, and wait until it is a standby."""
        node.start()
        node.submit_unseal_key(self._unseal_key)
        wait_until(lambda: node.health in {ACTIVE, STANDBY}, f"{node.name} is back")

    def is_healthy(self) -> bool:
        """Whether there is a leader and the others stand by."""
        states = sorted(str(node.health) for node in self.nodes)
        return states == sorted(map(str, (ACTIVE, STANDBY, STANDBY)))

    def step_down(self) -> None:
        """Have another node lead; the one that stepped down may win the election, too."""
        leader = self.active
        while (active := self.active) is leader:
            with contextlib.suppress(VaultError):  # it has just stepped down
                active.request("PUT", "sys/step-down", {})
            deadline = time.monotonic() + ELECTION
            while self._find_active() in {None, leader} and time.monotonic() < deadline:
                time.sleep(0.05)

    def snapshot(self) -> bytes:
        """Take a snapshot of all that Vault holds."""
        return self.active.request_raw("GET", "sys/storage/raft/snapshot")

    def restore(self, snapshot: bytes) -> None:
        """Put the whole cluster back to a snapshot."""
        self.active.request_raw("POST", "sys/storage/raft/snapshot-force", snapshot)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        self.balancer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.balancer.stop()
        for node in self.nodes:
            node.close()
        shutil.rmtree(self._directory)
