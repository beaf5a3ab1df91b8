"""The testbed's own servers: they start, fail in one line, and never outlive their test."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.binaries import BUILT, OPENAI_PLUGIN, VAULT, BinaryError, binary
from testbed.process import ServerProcess, StartError
from testbed.toxiproxy import ToxiproxyServer
from testbed.vault import VaultServer
from testbed.vault_api import VaultAPI, VaultError
from tests.testbed.engine import Engine

ROOT = BUILT.parents[1]

START_AND_WAIT = """
import time
from testbed.vault import VaultServer
vault = VaultServer()
vault.start()
vault.enable_openai("openai", "http://127.0.0.1:1/v1")
print(vault.process.pid, vault.process.log.parent, flush=True)
time.sleep(60)
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def group(pid: int) -> set[int]:
    """Return the children of a process and the process itself, those that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z" and str(pid) in (stat.parent.name, parent):
            found.add(int(stat.parent.name))
    return found


@pytest.fixture
def own_vault() -> VaultServer:
    return VaultServer()


@pytest.mark.parametrize("end", [VaultServer.stop, VaultServer.kill])
def test_ended_vault_leaves_nothing(
    own_vault: VaultServer, end: Callable[[VaultServer], None]
) -> None:
    own_vault.start()
    own_vault.enable_openai("openai", "http://127.0.0.1:1/v1")
    processes = group(own_vault.process.pid)
    assert len(processes) == 2
    directory = own_vault.process.log.parent
    end(own_vault)
    until(lambda: not any(group(pid) for pid in processes))
    assert not directory.exists()
    end(own_vault)


def test_vault_ends_with_whoever_started_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        vault, directory = starter.stdout.readline().split()
        processes = group(int(vault))
        assert len(processes) == 2
        starter.kill()
    until(lambda: not any(group(pid) for pid in processes))
    shutil.rmtree(directory)


def test_vault_that_does_not_start(
    own_vault: VaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "vault"
    broken.write_text("#!/bin/sh\necho it is broken\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("VAULT_BIN", str(broken))
    with pytest.raises(StartError, match="Vault did not start: it is broken"):
        own_vault.start()


def test_root_token_is_in_no_argv(vault: VaultServer) -> None:
    arguments = Path(f"/proc/{vault.process.pid}/cmdline").read_text()
    assert "server" in arguments
    assert vault.root_token not in arguments


def test_frozen_vault_answers_when_thawed(vault: VaultServer) -> None:
    vault.freeze()
    try:
        with pytest.raises(TimeoutError):
            vault.request("GET", "sys/health", timeout=0.2)
    finally:
        vault.thaw()
    assert vault.request("GET", "sys/health")["sealed"] is False


def test_sealed_vault_is_unsealed_with_its_key(own_vault: VaultServer) -> None:
    with own_vault:
        own_vault.request("PUT", "sys/seal")
        with pytest.raises(VaultError) as caught:
            own_vault.request("GET", "sys/mounts")
        assert caught.value.status == 503
        assert caught.value.errors == ["Vault is sealed"]
        own_vault.request("PUT", "sys/unseal", {"key": own_vault.unseal_key})
        own_vault.request("GET", "sys/mounts")


def test_approle_has_its_policy_and_parameters(vault: VaultServer, engine: Engine) -> None:
    path = f"{engine.mount}/creds/billing"
    vault.write_policy("minter", f'path "{path}" {{ capabilities = ["read"] }}')
    vault.write_role(engine.mount, "billing", project_id=engine.project_id)
    role_id, secret_id = vault.approle("workload", ["minter"], token_ttl="5m")
    login = vault.request(
        "POST", "auth/workload/login", {"role_id": role_id, "secret_id": secret_id}
    )["auth"]
    vault.request("DELETE", "sys/auth/workload")
    assert login["lease_duration"] == 300
    assert login["token_policies"] == ["default", "minter"]


def test_audit_file_records_requests(own_vault: VaultServer, tmp_path: Path) -> None:
    with own_vault:
        own_vault.enable_audit(tmp_path / "audit.json")
        own_vault.request("GET", "sys/mounts")
        own_vault.stop()
    records = [json.loads(line) for line in (tmp_path / "audit.json").read_text().splitlines()]
    assert "sys/mounts" in [record["request"].get("path") for record in records]


def test_cut_proxy_is_restored_on_its_port(vault: VaultServer, toxiproxy: ToxiproxyServer) -> None:
    proxy = toxiproxy.proxy("restored", vault.address.removeprefix("http://"))
    behind = VaultAPI(f"http://{proxy.listen}", vault.token)
    behind.request("GET", "sys/health")
    proxy.cut()
    with pytest.raises(OSError, match="refused"):
        behind.request("GET", "sys/health")
    proxy.restore()
    behind.request("GET", "sys/health")
    with proxy.toxic("latency", latency=5000), pytest.raises(TimeoutError):
        behind.request("GET", "sys/health", timeout=0.2)
    behind.request("GET", "sys/health")
    proxy.remove()
    with pytest.raises(OSError, match="refused"):
        behind.request("GET", "sys/health")


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    process = ServerProcess(
        ["sh", "-c", script], log=tmp_path / "log", environment={"PATH": "/usr/bin:/bin"}
    )
    until(lambda: "ready" in process.tail())
    process.stop(timeout=0.1)
    assert not process.running


@pytest.mark.parametrize(
    ("name", "variable"), [(VAULT, "VAULT_BIN"), (OPENAI_PLUGIN, "OPENAI_PLUGIN_BIN")]
)
def test_own_binary_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, variable: str
) -> None:
    own = tmp_path / "mine"
    monkeypatch.setenv(variable, str(own))
    with pytest.raises(BinaryError, match=f"{variable}={own}: no executable file is there"):
        binary(name)
    own.touch(mode=0o755)
    assert binary(name) == own
    monkeypatch.setenv(variable, "mine")
    with pytest.raises(BinaryError, match=f"{variable}=mine: give an absolute path"):
        binary(name)
