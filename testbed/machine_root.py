"""Make the root of a machine with systemd: `python -m testbed.machine_root`, for tests of units.

It is Debian bookworm by debootstrap, with what docs/systemd.md installs from the registry, so that
a test installs the agent itself only. It is kept in the cache, by the content of what it is made
from.
"""

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from testbed.cache import cache, locked
from testbed.compiling import print_progress

ROOT = Path(__file__).resolve().parent.parent
SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "polkitd"),
    *("ca-certificates", "curl", "python3", "python3-venv"),
)
LOCKS = ("build.txt", "run.txt")
TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container"}
"""Programs that are needed, and the Debian packages that have them."""

_FROM_HERE = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


class MachineError(Exception):
    """A machine can't be made or started here; the text says why, in a line."""


def missing_tools() -> str | None:
    """Say what keeps this computer from having machines, None for nothing."""
    if os.geteuid() != 0:
        return "machines with systemd need root"
    for program, package in TOOLS.items():
        if shutil.which(program) is None:
            return f"{program} is missing: apt-get install {package}"
    return None


def machine_root() -> Path:
    """Return the root directory, made first where it has to be. Raises MachineError."""
    if (why := missing_tools()) is not None:
        raise MachineError(why)
    root = cache() / "machine" / _digest()
    if not root.exists():
        with locked(cache()):
            if not root.exists():
                _make(root)
    return root


def pip_environment() -> dict[str, str]:
    """Return the variables by which pip finds its registry, as they are set here."""
    wanted = ("PIP_", "SSL_CERT_", "http_proxy", "https_proxy", "no_proxy")
    here = {name: value for name, value in os.environ.items() if name.startswith(wanted)}
    here.pop("PIP_FIND_LINKS", None)  # a directory of this computer
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **here}


def _digest() -> str:
    content = sha256("\0".join([SUITE, *PACKAGES]).encode())
    for name in LOCKS:
        content.update((ROOT / "requirements" / name).read_bytes())
    return content.hexdigest()[:16]


def _make(root: Path) -> None:
    print_progress("making a machine with systemd: takes about 2 min")
    new = root.with_suffix(".part")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    log = root.with_suffix(".log")
    include = f"--include={','.join(PACKAGES)}"
    _run(log, "debootstrap", "--variant=minbase", include, SUITE, f"{new}")
    for name in filter(os.path.exists, _FROM_HERE):
        shutil.copyfile(name, new / name.removeprefix("/"))
    for name in LOCKS:
        shutil.copyfile(ROOT / "requirements" / name, new / "root" / name)
    _run(log, "chroot", f"{new}", "python3", "-m", "venv", "/opt/freshkey")
    install = ("/opt/freshkey/bin/pip", "install", "--quiet", "--require-hashes")
    locks = [part for name in LOCKS for part in ("-r", f"/root/{name}")]
    _run(log, "chroot", f"{new}", *install, *locks)
    new.rename(root)


def _run(log: Path, *command: str) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            env=pip_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise MachineError(f"{' '.join(command[:3])} … failed: see {log}")


if __name__ == "__main__":
    try:
        print(machine_root())
    except MachineError as error:
        print_progress(f"no machine with systemd: {error}")
        sys.exit(0)
