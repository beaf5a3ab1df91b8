"""Make the root of a machine with systemd: `python -m testbed.machine_root`, for tests of units.

It has what docs/systemd.md installs from the registry, so that a test installs the agent only.
"""

import shutil
import sys
from pathlib import Path

from testbed.compiling import print_progress
from testbed.debian import DebianRoot, UnavailableError, missing_tools

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "polkitd"),
    *("ca-certificates", "curl", "python3", "python3-venv"),
)
LOCKS = tuple(ROOT / "requirements" / name for name in ("build.txt", "run.txt"))


def machine_root() -> Path:
    """Return the root directory, made first if it has to be. Raises UnavailableError."""
    if (why := missing_tools([("systemd-nspawn", "systemd-container")])) is not None:
        raise UnavailableError(why)
    return DebianRoot("machine", PACKAGES, LOCKS, _install_libraries).path()


def _install_libraries(debian: DebianRoot, new: Path) -> None:
    for lock in LOCKS:
        shutil.copyfile(lock, new / "root" / lock.name)
    debian.run(new, "chroot", f"{new}", "python3", "-m", "venv", "/opt/freshkey")
    install = ("/opt/freshkey/bin/pip", "install", "--quiet", "--require-hashes")
    locks = [part for lock in LOCKS for part in ("-r", f"/root/{lock.name}")]
    debian.run(new, "chroot", f"{new}", *install, *locks)


if __name__ == "__main__":
    try:
        print(machine_root())
    except UnavailableError as error:
        print_progress(f"no machine with systemd: {error}")
        sys.exit(0)
