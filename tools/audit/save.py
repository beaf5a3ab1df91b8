"""Saves of clones of two databases of advisories what concerns the run-time set.

    python -m tools.audit.save PYPA RUSTSEC

Those of the Python Packaging Authority (github.com/pypa/advisory-database) are under CC-BY-4.0, and
RustSec's own (github.com/rustsec/advisory-db) in the public domain. Only names, aliases, and ranges
of versions are saved, no text.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tools.audit import rustsec
from tools.audit.advisories import SAVED
from tools.audit.compiled import compiled_into
from tools.audit.lock import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PYPA: Final = "the Python Packaging Advisory Database (CC-BY-4.0)"
RUSTSEC: Final = "the RustSec Advisory Database"


def main() -> None:
    """Write SAVED anew."""
    of_python, of_rust = map(Path, sys.argv[1:])
    packages = [package.name for package in pinned()]
    parts = [part for package in packages for part in compiled_into(package)]
    crates = {part.name for part in parts if part.purl.startswith("pkg:cargo/")}
    advisories = [entry for name in packages for entry in _of_package(of_python, name)]
    advisories += [entry for name in sorted(crates) for entry in _of_crate(of_rust, name)]
    sources = [_source(PYPA, of_python), _source(RUSTSEC, of_rust)]
    saved = {"sources": sources, "advisories": advisories}
    SAVED.write_text(json.dumps(saved, indent=1) + "\n")


def _source(name: str, clone: Path) -> dict[str, str]:
    return {
        "name": name,
        "date": _git(clone, "log", "-1", "--format=%cs").strip(),
        "commit": _git(clone, "rev-parse", "HEAD").strip(),
    }


def _of_crate(clone: Path, name: str) -> Iterator[dict[str, Any]]:
    """Return what is known of one crate, as it is committed."""
    for path in _git(clone, "ls-tree", "--name-only", "HEAD", f"crates/{name}/").splitlines():
        advisory = rustsec.as_osv(_git(clone, "show", f"HEAD:{path}"))
        if advisory is not None:
            yield advisory


def _of_package(clone: Path, name: str) -> Iterator[dict[str, Any]]:
    """Return what is known of one package, as it is committed."""
    for path in _git(clone, "ls-tree", "--name-only", "HEAD", f"vulns/{name}/").splitlines():
        entry = yaml.safe_load(_git(clone, "show", f"HEAD:{path}"))
        if "withdrawn" not in entry:
            yield {
                "id": entry["id"],
                "aliases": sorted(entry.get("aliases", ())),
                "affected": [_ranges(affected) for affected in entry["affected"]],
            }


def _ranges(affected: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the ranges of versions; those of commits say the same of another name."""
    ranges = [each for each in affected["ranges"] if each["type"] == "ECOSYSTEM"]
    package = {name: affected["package"][name] for name in ("ecosystem", "name")}
    return {"package": package, "ranges": ranges}


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


if __name__ == "__main__":
    main()
