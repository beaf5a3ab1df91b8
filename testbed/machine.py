"""A machine of its own, whose process 1 is a real systemd: a container by systemd-nspawn.

It shares the network, so it reaches servers of the testbed on 127.0.0.1, and nothing else.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from testbed.cache import cache
from testbed.debian import UnavailableError, pip_environment
from testbed.machine_root import machine_root
from testbed.process import ServerProcess

BOOT_TIMEOUT = 30
"""Seconds; usual are 2."""
_TICK = 0.05
_UP = {"running", "degraded"}


class Machine:
    """A context manager: boots a machine, and powers it off.

    What it changes is in memory, on top of a root that stays as it is. `shared` directories are at
    the same path in it, read-only. Raises UnavailableError where no machine can be had.
    """

    def __init__(self, *shared: Path) -> None:
        self._shared = shared
        self._process: ServerProcess | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        lower = machine_root()
        # Two systemds in one tree of control groups would kill each other's services.
        self._lock = (cache() / "machine.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._directory = Path(tempfile.mkdtemp(prefix="freshkey-machine-"))
        try:
            self._mount(lower)
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.stop()  # which powers it off
        for mounted in (self._directory / "root", self._directory):
            subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)
        self._directory.rmdir()
        self._lock.close()

    def run(
        self, *command: str, check: bool = True, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root; AssertionError with what it said when it fails."""
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--pid"]
        done = subprocess.run(
            [*enter, *command],
            env={**pip_environment(), **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        if check and done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise AssertionError(f"{' '.join(command)}: status {done.returncode}: {said}")
        return done

    def shell(self, script: str, **variables: str) -> str:
        """Run a script of bash, which ends at the first fault; return what it printed."""
        return self.run("bash", "-euo", "pipefail", "-c", script, variables=variables).stdout

    def path(self, path: str) -> Path:
        """Return where a file of the machine is for this computer; links in it lead elsewhere."""
        return Path(f"/proc/{self._leader}/root{path}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, in a directory that is made if it has to be."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def show(self, unit: str, *properties: str) -> Mapping[str, str]:
        """Return properties of a unit, see systemctl(1)."""
        wanted = [f"--property={','.join(properties)}"] if properties else []
        lines = self.run("systemctl", "show", unit, *wanted).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _mount(self, lower: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self._directory], check=True)
        for name in ("upper", "work", "root"):
            (self._directory / name).mkdir()
        here = self._directory
        options = f"lowerdir={lower},upperdir={here}/upper,workdir={here}/work"
        command = ["mount", "-t", "overlay", "overlay", "-o", options, f"{here}/root"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnavailableError(f"overlayfs can't be mounted: {done.stderr.strip()}")

    def _boot(self) -> None:
        log = self._directory / "log"
        options = ["--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off"]
        binds = [f"--bind-ro={path}" for path in self._shared]
        command = ["systemd-nspawn", "--quiet", f"--directory={self._directory / 'root'}"]
        process = ServerProcess(
            [*command, *options, *binds], log=log, environment={"PATH": os.environ["PATH"]}
        )
        self._process = process
        end = time.monotonic() + BOOT_TIMEOUT
        while not self._is_up(process):
            if time.monotonic() > end:
                raise UnavailableError(
                    f"it did not boot within {BOOT_TIMEOUT} s: {process.tail(1)}"
                )
            time.sleep(_TICK)

    def _is_up(self, process: ServerProcess) -> bool:
        if not process.running:
            raise UnavailableError(f"systemd-nspawn ended: {process.tail(1)}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = int(children[0])
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in _UP
