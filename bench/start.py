"""Measures how fast `freshkey run` starts, and what memory it has at rest, with everything local.

    .venv/bin/python -m bench.start [--rounds 5] [--freshkey PATH]

Each round starts the agent twice against a real Vault with the stand-in engine and the emulator of
OpenAI: without a journal, until the key file is there; and after `kill -9`, until the socket gives
the key. The peers, in the same rounds, tell what this machine is like at the moment. Processor
time is of all threads, until the moment that is measured; other work changes it less.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from testbed.demo.place import Place
from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE: Final = 30.0  # seconds
SETTLED: Final = 4.0  # seconds from the key file to what is called rest
REQUEST: Final = b"GET /v1/keys/billing HTTP/1.1\r\nHost: localhost\r\n\r\n"
POLICY: Final = """
path "openai/creds/billing" { capabilities = ["read"] }
path "sys/leases/revoke/openai/creds/billing/*" { capabilities = ["update"] }
"""
CONFIG: Final = """
[vault]
address = "{address}"
[auth]
role_id = "{role_id}"
secret_id_file = "secret_id"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[keys.billing]
path = "openai/creds/billing"
[keys.billing.verify]
base_url = "{base_url}"
[[keys.billing.files]]
path = "keys/billing"
"""
IMPORTS: Final = "import trio, httpx, hvac, structlog"
PEERS: Final = {"python -c pass": "pass", f"python -c '{IMPORTS}'": IMPORTS}

Figures = dict[str, list[float]]


class Agent:
    """`freshkey run`, from its start on."""

    def __init__(self, program: Path, directory: Path) -> None:
        self._directory = directory
        self._began = time.perf_counter()
        with (directory / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [program, "run", "--config", directory / "config.toml"],
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def until(self, reached: Callable[[], bool]) -> tuple[float, float]:
        """Wait; return milliseconds since the start, and those of processor time."""
        while not reached():
            if self._child.poll() is not None or time.perf_counter() - self._began > PATIENCE:
                sys.exit(f"not reached; see {self._directory / 'log'}")
            time.sleep(0.001)
        took = time.perf_counter() - self._began
        return took * 1e3, self._processor() * 1e3

    def _processor(self) -> float:
        # Nanoseconds of every thread: the ticks of stat are 10 ms.
        tasks = Path(f"/proc/{self._child.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory(self, name: str, file: str) -> float:
        """A line of a file in /proc/PID, in MiB."""
        text = Path(f"/proc/{self._child.pid}", file).read_text()
        found = re.search(rf"^{name}:\s+([0-9]+) kB$", text, re.MULTILINE)
        return int(found[1]) / 1024 if found else float("nan")

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()
        self._child.wait()


def answers(path: Path) -> bool:
    """Whether the socket gives the key."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
            sock.sendall(REQUEST)
            return sock.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def measure_agent(program: Path, directory: Path, figures: Figures) -> None:
    """Start it without a journal, look at it at rest, and start it again with the journal."""
    for made in ("state", "keys"):
        shutil.rmtree(directory / made, ignore_errors=True)
    agent = Agent(program, directory)
    try:
        took, processor = agent.until((directory / "keys" / "billing").exists)
        figures["start to key file, ms"].append(took)
        figures["  processor, ms"].append(processor)
        time.sleep(SETTLED)
        figures["memory at rest, RSS, MiB"].append(agent.memory("VmRSS", "status"))
        if os.geteuid() == 0:  # the process forbids others to look
            figures["  PSS, MiB"].append(agent.memory("Pss", "smaps_rollup"))
    finally:
        agent.kill()
    agent = Agent(program, directory)
    try:
        took, processor = agent.until(lambda: answers(directory / "freshkey.sock"))
        figures["restart to key on the socket, ms"].append(took)
        figures["  processor till then, ms"].append(processor)
    finally:
        agent.kill()


def measure_peer(name: str, script: str, figures: Figures) -> None:
    """Run Python with a script to its end."""
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", script], {"PATH": os.defpath})
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{name} failed")
    figures[f"{name}, ms"].append((time.perf_counter() - began) * 1e3)
    figures[f"{name}, processor, ms"].append((usage.ru_utime + usage.ru_stime) * 1e3)


def main() -> None:
    """Print a line for each figure: its median, and all values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--freshkey", type=Path, default=Path(sys.executable).with_name("freshkey"))
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    with Place() as place, OpenAIServer() as openai, VaultServer() as vault:
        vault.enable_openai("openai", openai.base_url)
        vault.write_role("openai", "billing", ttl="1h", max_ttl="24h")
        vault.write_policy("billing", POLICY)
        role_id, secret_id = vault.approle("approle", ["billing"], token_ttl="10h")  # noqa: S106 - no password
        directory = place.directory
        (directory / "secret_id").write_text(secret_id)
        config = directory / "config.toml"
        config.write_text(
            CONFIG.format(address=vault.address, base_url=openai.base_url, role_id=role_id)
        )
        config.chmod(0o600)
        for _ in range(options.rounds):
            for name, script in PEERS.items():
                measure_peer(name, script, figures)
            measure_agent(options.freshkey.absolute(), directory, figures)
    for name, values in figures.items():
        print(f"{name:66} {median(values):6.1f}   {' '.join(f'{v:.1f}' for v in values)}")


if __name__ == "__main__":
    main()
