"""The configuration: one TOML file, parsed strictly, all its faults reported at once."""

from freshkey.settings.faults import SettingsError, SettingsFault
from freshkey.settings.load import load
from freshkey.settings.model import Settings

__all__ = ["Settings", "SettingsError", "SettingsFault", "load"]
