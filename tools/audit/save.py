"""Saves of a clone of the Python Packaging Advisory Database what concerns the run-time set.

    python -m tools.audit.save CLONE

The database (github.com/pypa/advisory-database) is under CC-BY-4.0. Only names, aliases, and ranges
of versions are saved, no text.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tools.audit.advisories import SAVED
from tools.audit.lock import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SOURCE: Final = "the Python Packaging Advisory Database (CC-BY-4.0)"


def main() -> None:
    """Write SAVED anew."""
    (clone,) = map(Path, sys.argv[1:])
    names = [package.name for package in pinned()]
    saved = {
        "source": SOURCE,
        "date": _git(clone, "log", "-1", "--format=%cs").strip(),
        "commit": _git(clone, "rev-parse", "HEAD").strip(),
        "advisories": [entry for name in names for entry in _of(clone, name)],
    }
    SAVED.write_text(json.dumps(saved, indent=1) + "\n")


def _of(clone: Path, name: str) -> Iterator[dict[str, Any]]:
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
