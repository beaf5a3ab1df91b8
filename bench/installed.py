"""The agent as a user installs it: a wheel of this tree and the locked run-time set, no more.

Reads are compared with servers in requirements/bench.txt. They are in a second venv, because what
they need would slow the agent's start: httpcore imports h2 where it finds it.
"""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENVS: Final = ROOT / ".testbed"
PIP: Final = ["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
DISTRIBUTIONS: Final = Path("/usr/bin/python3")
TOLD: Final = "import ensurepip, sys; print(*sys.version_info[:3])"


def usual_python() -> Path:
    """Return the Python that a service has: the distribution's, where it can make a venv of ours.

    A developer's own is often built without optimization, and slower by a quarter or more.
    """
    version = _version(DISTRIBUTIONS)
    return DISTRIBUTIONS if version is not None else Path(sys.executable).resolve()


def install(python: Path, *, peers: bool = False, tree: Path = ROOT, name: str = "") -> Path:
    """Return the programs of a venv that is up to date; SystemExit with the reason if it can't be.

    The libraries are installed once, the agent each time. With `peers`, other servers are there.
    Another `tree` has a venv of another `name`.
    """
    venv = VENVS / f"installed{name}{'-with-peers' if peers else ''}"
    groups = ("run", "bench") if peers else ("run",)
    locks = [tree / "requirements" / f"{group}.txt" for group in groups]
    version = _version(python)
    if version is None:
        sys.exit(f"bench: {python} is no Python 3.11 or newer with ensurepip (python3-venv)")
    key = f"{python} {version} {sha256(b''.join(lock.read_bytes() for lock in locks)).hexdigest()}"
    stamp = venv / "stamp"
    own = venv / "bin" / "python"
    if not stamp.is_file() or stamp.read_text() != key:
        print(f"bench: installing the agent's libraries for Python {version}", file=sys.stderr)
        _run(python, "-m", "venv", "--clear", venv)
        hashed = ["--require-hashes", "--only-binary", ":all:"]
        _run(own, *PIP, "install", *hashed, *(f"--requirement={lock}" for lock in locks))
        stamp.write_text(key)
    local = ["--no-index", "--no-deps"]
    with TemporaryDirectory() as wheels:
        build = ["wheel", *local, "--no-build-isolation", f"--wheel-dir={wheels}"]
        _run(Path(sys.executable), *PIP, *build, tree)
        _run(own, *PIP, "install", *local, "--force-reinstall", *Path(wheels).iterdir())
    return venv / "bin"


def describe(programs: Path) -> str:
    """Say which Python the venv has; SystemExit if it does not tell its version."""
    python = programs / "python"
    version = _version(python)
    if version is None:
        sys.exit(f"bench: {python} does not tell its version: remove {programs.parent}")
    whose = (
        "the distribution's"
        if python.resolve() == DISTRIBUTIONS.resolve()
        else "not the distribution's"
    )
    return f"Python {version}, {whose}"


def _version(python: Path) -> str | None:
    """Return its version, None when it is too old or can't make a venv."""
    try:
        told = subprocess.run([python, "-c", TOLD], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version = [int(number) for number in told.stdout.split()]
    return ".".join(map(str, version)) if version >= [3, 11] else None


def _run(*command: str | Path) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=2, check=False).returncode:
        sys.exit(f"bench: failed: {' '.join(map(str, command))}")
