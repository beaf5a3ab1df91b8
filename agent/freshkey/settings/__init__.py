"""The configuration: one TOML file, parsed strictly, all its faults reported at once.

May import: core.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freshkey.settings.faults import SettingsError, SettingsFault
    from freshkey.settings.loading import load
    from freshkey.settings.model import Settings
else:

    def __getattr__(name: str) -> object:
        # At their first use: what asks a running agent needs `values` alone, and msgspec is slow.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from freshkey.settings import faults, loading, model  # noqa: PLC0415 - msgspec is slow

        globals().update(
            Settings=model.Settings,
            SettingsError=faults.SettingsError,
            SettingsFault=faults.SettingsFault,
            load=loading.load,
        )
        return globals()[name]


__all__ = ["Settings", "SettingsError", "SettingsFault", "load"]
