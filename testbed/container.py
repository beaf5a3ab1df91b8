"""Containers without an engine: a read-only root directory, volumes, and namespaces.

Each has users, mounts, processes, and IPC of its own. It shares the network, so that it reaches
servers of the testbed on 127.0.0.1. https://github.com/opencontainers/runtime-spec says what
engines do.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testbed.debian import UnavailableError, missing_tools
from testbed.process import ServerProcess

_TOOLS = (("unshare", "util-linux"), ("setpriv", "util-linux"), ("chroot", "coreutils"))
_DEVICES = "null zero full random urandom"
_USER_NAMESPACE = Path(__file__).with_name("user_namespace.py")
_ROOT = (
    "/mnt"  # in a mount namespace of its own: every user may pass it, whatever is above the root
)
# Arguments: the root; pairs of a directory and its place, with "ro" or "rw", up to "--"; the rest.
_OUTSIDE = f"""
mount --bind "$1" {_ROOT}; shift
while [ "$1" != -- ]; do
    mount --bind "$1" "{_ROOT}$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "{_ROOT}$2"
    shift 3
done
shift
mount -t tmpfs -o size=64k,mode=755 dev {_ROOT}/dev
for device in {_DEVICES}; do
    : > "{_ROOT}/dev/$device"
    mount --bind "/dev/$device" "{_ROOT}/dev/$device"
done
mount -o remount,bind,ro {_ROOT}
exec "$@"
"""
# Arguments: user and groups for chroot(1); the command.
_INSIDE = f"""
mount -t proc proc {_ROOT}/proc
user=$1 groups=$2; shift 2
exec "$CHROOT" --userspec="$user" --groups="$groups" {_ROOT} "$@"
"""


@dataclass(frozen=True)
class Volume:
    """A directory of this computer at a place in a container."""

    source: Path
    place: str
    read_only: bool = False


@dataclass(frozen=True)
class Identity:
    """As whom a container runs: numbers, for which no account is needed."""

    user: int
    group: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ids:
    """Users and groups of a container: `count` of this computer's from `first` on, in there from 0.

    Those of the default are the same inside and outside.
    """

    first: int = 0
    count: int = 2**32 - 1


@dataclass
class Container:
    """One container; its output goes to `log`. Without `ids` it has no user namespace."""

    root: Path
    log: Path
    identity: Identity
    volumes: tuple[Volume, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ids: Ids | None = Ids()

    def __post_init__(self) -> None:
        if (why := missing_tools(_TOOLS)) is not None:
            raise UnavailableError(why)
        for volume in self.volumes:  # the places have to be there, as an engine makes them
            (self.root / volume.place.removeprefix("/")).mkdir(parents=True, exist_ok=True)

    def start(self, *command: str) -> "ContainerProcess":
        """Start its first process, which has the id 1 in there."""
        return ContainerProcess(self.command(*command), log=self.log, environment={})

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of the same kind, to its end."""
        return subprocess.run(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def command(self, *command: str) -> list[str]:
        """Return what this computer runs for a command in there; nothing in it is a secret."""
        chroot = shutil.which("chroot") or "chroot"
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return ["/usr/bin/env", "-i", f"CHROOT={chroot}", *variables, *self._enter(), *command]

    def _enter(self) -> list[str]:
        setpriv, unshare = (shutil.which(name) or name for name in ("setpriv", "unshare"))
        identity, ids = self.identity, self.ids
        groups = ",".join(map(str, identity.groups))
        volumes = [
            part
            for volume in self.volumes
            for part in (str(volume.source), volume.place, "ro" if volume.read_only else "rw")
        ]
        outside = ["/bin/sh", "-euc", _OUTSIDE, "container", str(self.root), *volumes, "--"]
        users = [sys.executable, "-I", str(_USER_NAMESPACE)]
        users = [*users, str(ids.first), str(ids.count)] if ids is not None else []
        apart = [unshare, "--mount", "--pid", "--ipc", "--uts", "--fork"]
        inside = ["/bin/sh", "-euc", _INSIDE, "container"]
        return [
            *(setpriv, "--no-new-privs", unshare, "--mount", *outside),
            *(*users, *apart, *inside, f"{identity.user}:{identity.group}", groups),
        ]


class ContainerProcess(ServerProcess):
    """The first process of a container."""

    # Who changes its user is not killed with its parent any more (prctl(2), PR_SET_PDEATHSIG).
    on_parent_death = 'kill -KILL $(cat "/proc/$0/task/$0/children")'

    @property
    def pid_here(self) -> int:
        """Its id, as this computer counts."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0])

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, as an engine does."""
        os.kill(self.pid_here, number)

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Send a signal, and return the status with which it ends."""
        self.send_signal(number)
        return self.wait(seconds)
