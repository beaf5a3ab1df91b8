"""Compares the starts of this tree with those of another revision, in pairs.

    python -m bench.revisions REVISION [--rounds 20] [--python PATH]

The least of many rounds is what a start costs; more than that is other work on the machine.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.deployment import Deployment
from bench.installed import ROOT, install, usual_python
from bench.report import table
from bench.start import start_and_restart

if TYPE_CHECKING:
    from bench.program import Command

HEAD = ["", "start: least", "median", "restart: least", "median"]


def main() -> None:
    """Print milliseconds of processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--python", type=Path, default=usual_python())
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        tree = Path(scratch, "tree")
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run(
            [*git, "add", "--quiet", "--detach", str(tree), options.revision], check=True
        )
        try:
            before = install(options.python, tree=tree, name="-before")
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    versions = {options.revision: before, "this tree": install(options.python)}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in versions}
    with Deployment() as deployment:
        directory = deployment.freshkey("freshkey")
        for number in range(options.rounds + 1):
            for name, programs in versions.items():
                config = f"--config={directory / 'config.toml'}"
                command: Command = [programs / "freshkey", "run", config]
                start, restart = start_and_restart(command, directory)
                if number:  # the first one reads from disk
                    found[name].append((start.processor, restart.processor))
    rows = []
    for name, pairs in found.items():
        figures = [f"{of(times):.0f}" for times in zip(*pairs, strict=True) for of in (min, median)]
        rows.append([name, *figures])
    print(table(HEAD, rows))


if __name__ == "__main__":
    main()
