"""The configuration as `run`, `once`, and `check` need it: one that fits this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.preflight.offline.host import host_faults
from freshkey.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from pathlib import Path


def fitting_settings(config: Path) -> Settings:
    """Read the configuration and look at the machine; raise SettingsError if either has faults."""
    settings = load(config, os.environ)
    if faults := host_faults(settings):
        raise SettingsError(faults)
    return settings
