"""Root directories of Debian bookworm, by debootstrap: for machines with systemd, and for images.

Each is kept in the cache, by the content of what it is made from.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from testbed.cache import cache, locked
from testbed.compiling import print_progress

SUITE = "bookworm"
_FROM_HERE = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


class UnavailableError(Exception):
    """Something can't be made or started on this computer; the text says why, in a line."""


def missing_tools(tools: Iterable[tuple[str, str]]) -> str | None:
    """Say what keeps this computer from it, None for nothing: `tools` are programs and packages."""
    if os.geteuid() != 0:
        return "it needs root"
    for program, package in tools:
        if shutil.which(program) is None:
            return f"{program} is missing: apt-get install {package}"
    return None


class DebianRoot:
    """One kind of root: what it holds, and how it is made."""

    def __init__(
        self,
        name: str,
        packages: tuple[str, ...],
        files: tuple[Path, ...] = (),
        finish: Callable[["DebianRoot", Path], None] | None = None,
    ) -> None:
        self._name, self._packages, self.files, self._finish = name, packages, files, finish

    def path(self) -> Path:
        """Return the directory, made first if it has to be. Raises UnavailableError."""
        if (why := missing_tools([("debootstrap", "debootstrap")])) is not None:
            raise UnavailableError(why)
        root = cache() / self._name / self._digest()
        if not root.exists():
            with locked(cache()):
                if not root.exists():
                    self._make(root)
        return root

    def run(self, new: Path, *command: str) -> None:
        """Run a command for a root that is being made; its output goes to the log beside it."""
        log = new.with_suffix(".log")
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
            raise UnavailableError(f"{' '.join(command[:3])} … failed: see {log}")

    def _digest(self) -> str:
        content = sha256("\0".join([SUITE, *self._packages]).encode())
        for file in self.files:
            content.update(file.read_bytes())
        return content.hexdigest()[:16]

    def _make(self, root: Path) -> None:
        print_progress(f"making the root of a Debian for {self._name}: takes about a minute")
        new = root.with_suffix(".part")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(parents=True, exist_ok=True)
        include = f"--include={','.join(self._packages)}"
        self.run(new, "debootstrap", "--variant=minbase", include, SUITE, f"{new}")
        for name in filter(os.path.exists, _FROM_HERE):
            shutil.copyfile(name, new / name.removeprefix("/"))
        if self._finish is not None:
            self._finish(self, new)
        new.rename(root)


def pip_environment() -> dict[str, str]:
    """Return the variables by which pip finds its registry, as they are set here."""
    wanted = ("PIP_", "SSL_CERT_", "http_proxy", "https_proxy", "no_proxy")
    here = {name: value for name, value in os.environ.items() if name.startswith(wanted)}
    here.pop("PIP_FIND_LINKS", None)  # a directory of this computer
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **here}
