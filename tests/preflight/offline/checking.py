"""What the offline check finds wrong with a machine, for tests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.preflight.offline.host import host_faults
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, config, written

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 4_000_000_001  # no user and no group of this machine


def faults(directory: Path, key: str = "", more: str = "") -> list[str]:
    settings = load(written(directory, config(key=key, more=more)), NO_VARIABLES)
    return [str(fault) for fault in host_faults(settings)]
