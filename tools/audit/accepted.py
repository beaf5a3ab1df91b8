"""Findings that somebody looked at and accepted, for a while."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.audit.advisories import Finding

ACCEPTED: Final = Path(__file__).with_name("accepted.toml")


@dataclass(frozen=True)
class Acceptance:
    """One finding, of one package, until a day."""

    id: str
    package: str
    until: date
    reason: str

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether it is this finding, and the day has not passed."""
        known = self.id in {finding.id, *finding.aliases}
        return known and self.package == finding.package and today <= self.until


def accepted(path: Path = ACCEPTED) -> list[Acceptance]:
    """Read the file; TypeError if an entry lacks something, or has too much."""
    return [Acceptance(**entry) for entry in tomllib.loads(path.read_text()).get("finding", [])]
