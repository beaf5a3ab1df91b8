"""The configuration as `run`, `once`, and `check` need it: one that fits this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.preflight.offline.host import host_faults
from freshkey.settings import Settings, SettingsError, SettingsFault, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fitting_settings(
    config: Path, *looks: Callable[[Settings], tuple[SettingsFault, ...]]
) -> Settings:
    """Read the configuration and look at the machine; raise SettingsError if either has faults.

    `looks` are more looks at the machine than a reload needs.
    """
    settings = load(config, os.environ)
    try:
        faults = sum((look(settings) for look in looks), host_faults(settings))
    except OSError as error:  # out of descriptors, or a directory is removed meanwhile
        message = f"this machine can't be looked at: {error}: try again"
        faults = (SettingsFault(str(config), message),)
    if faults:
        raise SettingsError(faults)
    return settings
