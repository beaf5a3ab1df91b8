"""One Vault of a cluster, with raft storage."""

import json
import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from testbed.binaries import OPENAI_PLUGIN, VAULT, binary
from testbed.process import ReservedPort, ServerProcess, StartError
from testbed.recording_proxy import RecordingProxy, health
from testbed.vault import install_plugin
from testbed.vault_api import VaultAPI, VaultError

T = TypeVar("T")

WAIT_TIMEOUT = 30.0
"""Seconds until a caller gives up."""

ACTIVE = 200
STANDBY = 429
SEALED = 503
"""What sys/health answers, https://developer.hashicorp.com/vault/api-docs/system/health."""


def wait_until(condition: Callable[[], T | None], what: str) -> T:
    """Return the first true answer; StartError after WAIT_TIMEOUT seconds."""
    deadline = time.monotonic() + WAIT_TIMEOUT
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise StartError(f"not within {WAIT_TIMEOUT:g} s: {what}")
        time.sleep(0.05)
    return answer


class ClusterNode(VaultAPI):
    """One Vault. Agents reach it at `front`, which refuses connections while it does not run."""

    def __init__(self, name: str, directory: Path, leader: str | None) -> None:
        self._port, self._cluster_port = ReservedPort(), ReservedPort()
        super().__init__(f"http://127.0.0.1:{self._port.number}", "")
        self.name = name
        self.port = self._port.number
        self.proxy = RecordingProxy(lambda: self.port)
        self._directory = directory / name
        self._leader = leader
        self._process: ServerProcess | None = None

    def start(self) -> None:
        """Start it and wait until it answers, sealed; StartError when it doesn't."""
        self._directory.mkdir(exist_ok=True)
        if not (plugins := self._directory / "plugins").exists():
            plugins.mkdir()
            install_plugin(binary(OPENAI_PLUGIN), plugins / OPENAI_PLUGIN)
        (self._directory / "raft").mkdir(exist_ok=True)
        config = self._directory / "vault.json"
        config.write_text(json.dumps(self._settings()))
        if self._process is not None:
            self._process.kill()  # it may have ended by itself
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
            self.wait_for_health()
        except StartError as error:
            raise StartError(f"{error}: {self._process.tail()}") from None
        self.proxy.open()

    def _settings(self) -> dict[str, object]:
        # Vault takes no empty list.
        join = {"retry_join": [{"leader_api_addr": self._leader}]} if self._leader else {}
        return {
            "api_addr": self.proxy.address,
            "cluster_addr": f"https://127.0.0.1:{self._cluster_port.number}",
            "disable_mlock": True,
            "plugin_directory": str(self._directory / "plugins"),
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
    def pid(self) -> int | None:
        """The id of its process, whether or not it answers just now; None while it has none."""
        process = self._process
        return process.pid if process is not None and process.running else None

    @property
    def health(self) -> int | None:
        """The status of sys/health, None when there is no answer."""
        return health(self.port)

    def wait_for_health(self) -> int:
        """Wait until it answers, however busy; return the status of sys/health, or StartError."""
        return wait_until(lambda: self.health, f"{self.name} answers")

    def kill(self) -> None:
        """SIGKILL, for its plugins too; nobody can connect any more."""
        self.proxy.close()
        if self._process is not None:
            self._process.kill()
            self._process = None

    def stop(self) -> None:
        """SIGTERM: it steps down first."""
        self.proxy.close()
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

    def submit_unseal_key(self, key: str) -> None:
        """Have it unseal itself, once it has joined the cluster."""

        def submitted() -> bool:
            try:
                self.request("PUT", "sys/unseal", {"key": key}, timeout=5)
            except (OSError, VaultError):  # it hasn't joined
                return False
            return True

        # Once only: a node that is asked twice while it joins stands by twice over, and is stuck.
        wait_until(submitted, f"{self.name} takes its key")

    def request_raw(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send and return bytes that are not JSON; urllib's HTTPError when Vault refuses."""
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            f"{self.address}/v1/{path}",
            method=method,
            data=body,
            headers={"X-Vault-Token": self.token, "Content-Type": "application/octet-stream"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WAIT_TIMEOUT) as answer:
            content: bytes = answer.read()
        return content

    def close(self) -> None:
        """End it, and let go of its ports."""
        self.kill()
        self.proxy.stop()
        self._port.close()
        self._cluster_port.close()
