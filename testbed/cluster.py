"""A real cluster of three Vaults with raft storage, to be failed node by node."""

import contextlib
import json
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from testbed.binaries import OPENAI_PLUGIN, VAULT, binary
from testbed.door import Door, LoadBalancer, health
from testbed.process import ReservedPort, ServerProcess, StartError
from testbed.vault_api import VaultAPI, VaultError

T = TypeVar("T")

NODES = 3
PATIENCE = 30.0
ELECTION = 3.0
"""Seconds, both: until a caller gives up, and what an election usually takes."""

ACTIVE = 200
STANDBY = 429
SEALED = 503
"""What sys/health answers, https://developer.hashicorp.com/vault/api-docs/system/health."""


class ClusterNode(VaultAPI):
    """One Vault. Agents reach it at `front`, which refuses connections while it does not run."""

    def __init__(self, name: str, directory: Path, leader: str | None) -> None:
        self._port, self._cluster_port = ReservedPort(), ReservedPort()
        super().__init__(f"http://127.0.0.1:{self._port.number}", "")
        self.name = name
        self.port = self._port.number
        self.front = Door(lambda: self.port)
        self._directory = directory / name
        self._leader = leader
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start it and wait until it answers, sealed; StartError when it doesn't."""
        self._directory.mkdir(exist_ok=True)
        (self._directory / "raft").mkdir(exist_ok=True)
        config = self._directory / "vault.json"
        config.write_text(json.dumps(self._settings()))
        self._process = ServerProcess(
            [binary(VAULT), "server", f"-config={config}"],
            log=self._directory / "vault.log",
            environment={
                "PATH": os.defpath,
                "HOME": str(self._directory),
                "TMPDIR": str(self._directory),  # for the plugins' sockets
            },
        )
        try:
            wait_until(lambda: self.health is not None, f"{self.name} answers")
        except StartError as error:
            raise StartError(f"{error}: {self._process.tail()}") from None
        self.front.open()

    def _settings(self) -> dict[str, object]:
        # Vault takes no empty list.
        join = {"retry_join": [{"leader_api_addr": self._leader}]} if self._leader else {}
        return {
            "api_addr": self.front.address,
            "cluster_addr": f"https://127.0.0.1:{self._cluster_port.number}",
            "disable_mlock": True,
            "plugin_directory": str(binary(OPENAI_PLUGIN).parent),
            "listener": [
                {
                    "tcp": {
                        "address": self.address.removeprefix("http://"),
                        "cluster_address": f"127.0.0.1:{self._cluster_port.number}",
                        "tls_disable": True,
                    }
                }
            ],
            "storage": {
                "raft": {
                    "path": str(self._directory / "raft"),
                    "node_id": self.name,
                    "performance_multiplier": 1,  # elections in seconds
                    "autopilot_reconcile_interval": "100ms",  # until a new node may vote
                    "autopilot_update_interval": "100ms",
                    **join,
                }
            },
        }

    @property
    def health(self) -> int | None:
        """The status of sys/health, None when there is no answer."""
        return health(self.port)

    def kill(self) -> None:
        """SIGKILL, for its plugins too; nobody can connect any more."""
        self.front.close()
        if self._process is not None:
            self._process.kill()
            self._process = None

    def stop(self) -> None:
        """SIGTERM: it steps down first."""
        self.front.close()
        if self._process is not None:
            self._process.stop()
            self._process = None

    def freeze(self) -> None:
        """Let it answer nothing until `thaw`; the kernel still accepts connections."""
        if self._process is not None:
            self._process.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.thaw()

    def seal(self) -> None:
        """Seal it; a standby takes no such request, so it is restarted, which seals too."""
        if self.health == ACTIVE:
            self.request("PUT", "sys/seal", {})
        else:
            self.kill()
            self.start()

    def give_key(self, key: str) -> None:
        """Have it unseal itself, once it has joined the cluster."""

        def taken() -> bool:
            try:
                self.request("PUT", "sys/unseal", {"key": key}, timeout=5)
            except (OSError, VaultError):  # it hasn't joined
                return False
            return True

        # Once only: a node that is asked twice while it joins stands by twice over, and is stuck.
        wait_until(taken, f"{self.name} takes its key")

    def close(self) -> None:
        """End it, and let go of its ports."""
        self.kill()
        self.front.stop()
        self._port.close()
        self._cluster_port.close()


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
        first.give_key(self._unseal_key)
        wait_until(lambda: first.health == ACTIVE, "the first node is active")
        # Before others join, or it would take 10 s until they may vote.
        first.request(
            "POST",
            "sys/storage/raft/autopilot/configuration",
            {"server_stabilization_time": "10ms"},
        )
        first.enable_audit(self.audit_file)
        first.register_openai()
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
        """Start what does not run, unseal all nodes, and wait until the cluster is whole."""
        for node in self.nodes:
            if node.health is None:
                node.start()
        for node in self.nodes:
            if node.health not in {ACTIVE, STANDBY}:
                node.give_key(self._unseal_key)
        wait_until(self.whole, "the cluster is whole")

    def revive(self, node: ClusterNode) -> None:
        """Start and unseal one node, and wait until it is a standby."""
        node.start()
        node.give_key(self._unseal_key)
        wait_until(lambda: node.health in {ACTIVE, STANDBY}, f"{node.name} is back")

    def whole(self) -> bool:
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
        return _raw(self.active, "GET", "sys/storage/raft/snapshot")

    def restore(self, snapshot: bytes) -> None:
        """Put the whole cluster back to a snapshot."""
        _raw(self.active, "POST", "sys/storage/raft/snapshot-force", snapshot)

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


def wait_until(condition: Callable[[], T | None], what: str) -> T:
    """Return the first true answer; StartError after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise StartError(f"not within {PATIENCE:g} s: {what}")
        time.sleep(0.05)
    return answer


def _raw(node: ClusterNode, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send and return bytes that are not JSON; urllib's HTTPError when Vault refuses."""
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        f"{node.address}/v1/{path}",
        method=method,
        data=body,
        headers={"X-Vault-Token": node.token, "Content-Type": "application/octet-stream"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as answer:
        content: bytes = answer.read()
    return content
