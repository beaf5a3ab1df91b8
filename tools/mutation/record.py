"""What earlier runs found, and which survivors have a reason."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.mutation.mutants import Mutant
    from tools.mutation.workers import Outcome

ARGUED = Path("tests/core/surviving_mutants.toml")


class Argued(NamedTuple):
    """By what the list of survivors names a mutant."""

    path: str
    scope: str
    change: str


class Found:
    """What came of each mutant, in a file that is written as a run goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self._outcomes: dict[str, str | None] = dict(map(json.loads, lines))

    @property
    def killers(self) -> dict[str, str]:
        """The test that killed a mutant the last time: it is the first one that it meets."""
        return {name: test for name, test in self._outcomes.items() if test}

    def survived(self, name: str) -> bool:
        """Whether no test noticed a mutant the last time."""
        return self._outcomes.get(name) == ""

    def note(self, outcome: Outcome) -> None:
        """Write down at once what was found, so that a run can be broken off."""
        self._file.parent.mkdir(exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps([outcome.name, outcome.found]) + "\n")


def argued(file: Path = ARGUED) -> dict[Argued, str]:
    """Read the list of survivors that make no difference: each with its reason."""
    entries = tomllib.loads(file.read_text()).get("survivors", [])
    return {
        Argued(entry["path"], entry["scope"], change): entry["reason"]
        for entry in entries
        for change in entry["changes"]
    }


def named(mutant: Mutant) -> Argued:
    """Return by what the list names a mutant."""
    return Argued(mutant.path, mutant.scope, mutant.change)


def stale(reasons: Iterable[Argued], mutants: Iterable[Mutant]) -> list[Argued]:
    """List what is argued about no mutant that there is."""
    there = set(map(named, mutants))
    return [entry for entry in reasons if entry not in there]
