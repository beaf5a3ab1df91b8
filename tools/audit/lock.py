"""What the lock of the run-time set pins, for Linux."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = ROOT / "requirements" / "run.txt"
LINUX: Final = {
    "extra": "",
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""Where the graph is drawn for: the same on every machine, with the oldest Python."""
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pinned:
    """One package of the lock; `hashes` are SHA-256 of the files that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name in lists of all kinds of packages: https://github.com/package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pinned(lock: Path = LOCK) -> list[Pinned]:
    """Return what Linux gets of a lock."""
    found = []
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        text, *_ = entry.partition(" --hash")
        if not text.strip() or text.startswith("#"):
            continue
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate(LINUX):
            continue
        version = str(requirement.specifier).removeprefix("==")
        name = canonicalize_name(requirement.name)
        found.append(Pinned(name, version, tuple(_HASH.findall(entry))))
    return found
