"""Packages of a copy of this repository, made as `make dist` and `make deb` make them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.audit.compiled import compiled_into
from tools.audit.lock import pinned
from tools.audit.texts import TEXTS

ROOT = Path(__file__).resolve().parents[2]
MANY = 500  # bytes, which no licence does without
WITH_BILL = {"watchfiles"}  # in its wheel
VERSION = ROOT / "agent" / "freshkey" / "__init__.py"


def copy(target: Path) -> Path:
    """Copy what is in version control, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def make_dist(tree: Path, time: int, umask: int = 0o022) -> Path:
    """Make wheel and source archive of a copy; return where they are."""
    _run(tree, time, umask, "-m", "hatchling", "build", "-d", "dist")
    return tree / "dist"


def make_deb(tree: Path, time: int, umask: int = 0o022) -> Path:
    """Make wheel, source archive, and Debian package of a copy; return the last."""
    (wheel,) = make_dist(tree, time, umask).glob("*.whl")
    _run(tree, time, umask, "-I", "tools/make_deb.py", f"dist/{wheel.name}")
    (package,) = wheel.parent.glob("*.deb")
    return package


def assert_texts(directory: Path) -> None:
    """There is a directory for each library of the lock, with a licence text in it.

    With its wheel's bill, too, if it has one, and the texts of all crates that this names.
    """
    found = {canonical(each.name): each for each in directory.iterdir()}
    packages = {canonical(f"{each.name}-{each.version}"): each.name for each in pinned()}
    assert found.keys() == packages.keys()
    for name, each in found.items():
        files = [path.relative_to(each) for path in each.rglob("*") if path.is_file()]
        tops = {path.parts[0] for path in files}
        assert ("sboms" in tops) == ("crates" in tops) == (packages[name] in WITH_BILL), each
        own = [path for path in files if path.parts[0] not in {"sboms", "crates"}]
        assert any((each / path).stat().st_size > MANY for path in own), each
        if "crates" in tops:
            assert contents(each / "crates") == contents(TEXTS), each
    for part in compiled_into("httptools"):
        assert list(directory.glob(f"httptools-*/vendor/{part.name}/LICENSE*")), part.name


def contents(directory: Path) -> dict[str, bytes]:
    """Return what is in the files of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def canonical(name: str) -> str:
    """Return a name as packages are compared: https://peps.python.org/pep-0503/."""
    return re.sub(r"[-_.]+", "-", name).lower()


def set_version(tree: Path, version: str) -> None:
    """Make a copy another version."""
    place = tree / VERSION.relative_to(ROOT)
    before, _, _ = place.read_text().partition("__version__")
    place.write_text(f'{before}__version__ = "{version}"\n')


def _run(tree: Path, time: int, umask: int, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": f"{time}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=umask,
        check=False,
    )
    assert done.returncode == 0, done.stdout
