"""Which mutants are met: of which modules, or of which changed lines."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tools.mutation.mutants import mutants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.mutation.mutants import Mutant

CORE = Path("agent/freshkey/core")
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def mutants_of(only: Sequence[str] = ()) -> list[Mutant]:
    """List the mutants of all modules, or of those with one of these texts in their path.

    ValueError for a text that is in none.
    """
    every = sorted(CORE.rglob("*.py"))
    for name in only:
        if not any(name in str(path) for path in every):
            raise ValueError(f"{name} is in no path of {CORE}: name a module, as keys/renewal.py")
    chosen = [path for name in only or [""] for path in every if name in str(path)]
    return [mutant for path in dict.fromkeys(chosen) for mutant in mutants(path, Path())]


def changed_since(commit: str, chosen: Iterable[Mutant]) -> list[Mutant]:
    """Keep the mutants of lines that are not as they were at a commit."""
    lines: dict[str, set[int]] = {}
    for path in {mutant.path for mutant in chosen}:
        command = ["git", "diff", "--unified=0", commit, "--", path]
        diff = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines[path] = {
            line
            for start, count in _HUNK.findall(diff)
            for line in range(int(start), int(start) + int(count or 1))
        }
    return [m for m in chosen if lines[m.path].intersection(range(m.line, m.last + 1))]
